/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Names of wire codes: never NULL, the known ones right, the rest plainly unknown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "wire/names.h"
#include "wire/pds.h"
#include "wire/ses.h"

typedef const char *(*name_fn)(uint8_t);

static void no_value_gives_null(void **state)
{
	static const name_fn fns[] = {
		uet_pds_type_name, uet_pds_ctl_name, uet_nack_name, uet_nack_text,
		uet_ses_op_name, uet_rc_name, uet_rc_text,
	};

	(void)state;
	for (size_t f = 0; f < UET_ARRAY_SIZE(fns); f++) {
		for (unsigned int i = 0; i < 256; i++) {
			const char *s = fns[f]((uint8_t)i);

			assert_non_null(s);
			assert_true(strlen(s) > 0);
		}
	}
}

/* @values known names from 0 on ("" or none = reserved), everything after them is unnamed. */
static void check_names(name_fn fn, const char *const *names, unsigned int count)
{
	for (unsigned int i = 0; i < 256; i++) {
		const char *got = fn((uint8_t)i);

		if (i < count && names[i] && names[i][0])
			assert_string_equal(got, names[i]);
		else
			assert_true(!strcmp(got, "reserved") || !strcmp(got, "unknown"));
	}
}

static void known_names(void **state)
{
	static const char *const types[] = {
		"", "TSS", "RUD_REQ", "ROD_REQ", "RUDI_REQ", "RUDI_RESP", "UUD_REQ", "ACK",
		"ACK_CC", "ACK_CCX", "NACK", "CP", "NACK_CCX", "RUD_CC_REQ", "ROD_CC_REQ",
	};
	static const char *const ctls[] = {
		"NOOP", "ACK_REQ", "CLEAR_CMD", "CLEAR_REQ", "CLOSE_CMD", "CLOSE_REQ", "PROBE",
		"CREDIT", "CREDIT_REQ", "NEGOTIATION",
	};
	static const char *const ops[] = {
		"NO_OP", "WRITE", "READ", "ATOMIC", "FETCHING_ATOMIC", "SEND", "RENDEZVOUS_SEND",
		"DATAGRAM_SEND", "DEFERRABLE_SEND", "TAGGED_SEND", "RENDEZVOUS_TSEND",
		"DEFERRABLE_TSEND", "DEFERRABLE_RTR", "TSEND_ATOMIC", "TSEND_FETCH_ATOMIC",
		"MSG_ERROR", [UET_OP_VENDOR_ATOMIC] = "VENDOR_ATOMIC",
	};
	static const char *const rcs[] = {
		"NULL", "OK", "BAD_GENERATION", "DISABLED", "DISABLED_GEN", "NO_MATCH",
		"UNSUPPORTED_OP", "UNSUPPORTED_SIZE", "AT_INVALID", "AT_PERM", "AT_ATS_ERROR",
		"AT_NO_TRANS", "AT_OUT_OF_RANGE", "HOST_POISONED", "HOST_UNSUCCESS_CMPL",
		"AMO_UNSUPPORTED_OP", "AMO_UNSUPPORTED_DT", "AMO_UNSUPPORTED_SIZE",
		"AMO_UNALIGNED", "AMO_FP_NAN", "AMO_FP_UNDERFLOW", "AMO_FP_OVERFLOW",
		"AMO_FP_INEXACT", "PERM_VIOLATION", "OP_VIOLATION", "BAD_INDEX", "BAD_PID",
		"BAD_JOB_ID", "BAD_MKEY", "BAD_ADDR", "CANCELLED", "UNDELIVERABLE", "UNCOR",
		"UNCOR_TRNSNT", "TOO_LONG", "INITIATOR_ERROR", "DROPPED",
	};

	(void)state;
	check_names(uet_pds_type_name, types, UET_ARRAY_SIZE(types));
	check_names(uet_pds_ctl_name, ctls, UET_ARRAY_SIZE(ctls));
	check_names(uet_ses_op_name, ops, UET_ARRAY_SIZE(ops));
	check_names(uet_rc_name, rcs, UET_ARRAY_SIZE(rcs));
	for (unsigned int i = 0; i < UET_ARRAY_SIZE(rcs); i++)
		assert_string_not_equal(uet_rc_text((uint8_t)i), "reserved");
}

static void known_nacks(void **state)
{
	static const char *const names[] = {
		"", "TRIMMED", "TRIMMED_LASTHOP", "TRIMMED_ACK", "NO_PDC_AVAIL", "NO_CCC_AVAIL",
		"NO_BITMAP", "NO_PKT_BUFFER", "NO_GTD_DEL_AVAIL", "NO_SES_MSG_AVAIL",
		"NO_RESOURCE", "PSN_OOR_WINDOW", "", "ROD_OOO", "INV_DPDCID", "PDC_HDR_MISMATCH",
		"CLOSING", "CLOSING_IN_ERR", "PKT_NOT_RCVD", "GTD_RESP_UNAVAIL", "ACK_WITH_DATA",
		"INVALID_SYN", "PDC_MODE_MISMATCH", "NEW_START_PSN", "RCVD_SES_PROCG",
		"UNEXP_EVENT", "RCVR_INFER_LOSS",
	};

	(void)state;
	for (unsigned int i = 0; i < 0xfd; i++) {
		int known = i < UET_ARRAY_SIZE(names) && names[i][0];

		assert_string_equal(uet_nack_name((uint8_t)i), known ? names[i] : "reserved");
		assert_int_equal(strcmp(uet_nack_text((uint8_t)i), "reserved") != 0, known);
	}
	assert_string_equal(uet_nack_name(0xfd), "EXP_NACK_NORMAL");
	assert_string_equal(uet_nack_name(0xfe), "EXP_NACK_ERR");
	assert_string_equal(uet_nack_name(0xff), "EXP_NACK_FATAL");
}

static void unnamed_values(void **state)
{
	(void)state;
	assert_string_equal(uet_pds_type_name(0), "reserved");
	assert_string_equal(uet_pds_type_name(31), "reserved");
	assert_string_equal(uet_pds_type_name(32), "unknown");
	assert_string_equal(uet_pds_ctl_name(10), "reserved");
	assert_string_equal(uet_pds_ctl_name(16), "unknown");
	assert_string_equal(uet_ses_op_name(0x10), "reserved");
	assert_string_equal(uet_ses_op_name(0x30), "VENDOR_ATOMIC");	/* our own */
	assert_string_equal(uet_ses_op_name(0x31), "unknown");	/* vendor defined */
	assert_string_equal(uet_ses_op_name(0x3e), "unknown");
	assert_string_equal(uet_ses_op_name(0x3f), "reserved");
	assert_string_equal(uet_ses_op_name(64), "unknown");
	assert_string_equal(uet_rc_name(0x25), "reserved");
	assert_string_equal(uet_rc_name(0x30), "unknown");	/* vendor defined */
	assert_string_equal(uet_rc_name(0x37), "unknown");
	assert_string_equal(uet_rc_text(0x38), "reserved");
	assert_string_equal(uet_rc_text(64), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_value_gives_null),
		cmocka_unit_test(known_names),
		cmocka_unit_test(known_nacks),
		cmocka_unit_test(unnamed_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

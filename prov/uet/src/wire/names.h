/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Names and one-line explanations of wire codes, for logs and fi_cq_strerror. No function
 * here returns NULL; unknown values give "reserved" or "unknown".
 */
#ifndef UET_WIRE_NAMES_H
#define UET_WIRE_NAMES_H

#include <stdint.h>

/* "RUD_REQ" etc., Table 3-32. */
const char *uet_pds_type_name(uint8_t type);

/* "CLOSE_CMD" etc., Table 3-38. */
const char *uet_pds_ctl_name(uint8_t ctl_type);

/* "NO_PDC_AVAIL" etc., Table 3-58. */
const char *uet_nack_name(uint8_t code);

/* What the code means, for people. */
const char *uet_nack_text(uint8_t code);

/* "TAGGED_SEND" etc., Table 3-17. */
const char *uet_ses_op_name(uint8_t opcode);

/* "BAD_JOB_ID" etc., Table 3-19. */
const char *uet_rc_name(uint8_t rc);

/* What the return code means, for people. */
const char *uet_rc_text(uint8_t rc);

#endif /* UET_WIRE_NAMES_H */

/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* fid_nic: contents, copies that stand alone, text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ofi/ofi.h"

static const struct uet_port full = {
	.name = "eth7",
	.index = 7,
	.mtu = 9000,
	.speed = 100000000000ull,
	.up = true,
	.rank = UET_PORT_PHYSICAL,
	.mac = { 0x02, 0x00, 0x5e, 0x10, 0x00, 0xff },
	.driver = "mlx5_core",
	.firmware = "22.31.1014",
	.vendor_id = "0x15b3",
	.device_id = "0x101d",
	.device_version = "0x00",
	.has_pci = true,
	.pci_domain = 0x1234,
	.pci_bus = 0xab,
	.pci_device = 0x1f,
	.pci_function = 7,
};

static void check_full(const struct fid_nic *nic)
{
	assert_int_equal(nic->fid.fclass, FI_CLASS_NIC);
	assert_string_equal(nic->device_attr->name, "eth7");
	assert_string_equal(nic->device_attr->driver, "mlx5_core");
	assert_string_equal(nic->device_attr->firmware, "22.31.1014");
	assert_string_equal(nic->device_attr->vendor_id, "0x15b3");
	assert_string_equal(nic->device_attr->device_id, "0x101d");
	assert_string_equal(nic->device_attr->device_version, "0x00");
	assert_int_equal(nic->bus_attr->bus_type, FI_BUS_PCI);
	assert_int_equal(nic->bus_attr->attr.pci.domain_id, 0x1234);
	assert_int_equal(nic->bus_attr->attr.pci.bus_id, 0xab);
	assert_int_equal(nic->bus_attr->attr.pci.device_id, 0x1f);
	assert_int_equal(nic->bus_attr->attr.pci.function_id, 7);
	assert_string_equal(nic->link_attr->address, "02:00:5e:10:00:ff");
	assert_string_equal(nic->link_attr->network_type, "Ethernet");
	assert_int_equal(nic->link_attr->mtu, 9000);
	assert_int_equal(nic->link_attr->speed, 100000000000ull);
	assert_int_equal(nic->link_attr->state, FI_LINK_UP);
	assert_null(nic->prov_attr);
}

static void contents(void **state)
{
	struct fid_nic *nic = uet_nic_fid(&full);

	(void)state;
	assert_non_null(nic);
	check_full(nic);
	assert_int_equal(fi_close(&nic->fid), 0);
}

static void unknown_is_null(void **state)
{
	const struct uet_port bare = { .name = "x0", .mtu = 1500, .up = false };
	struct fid_nic *nic = uet_nic_fid(&bare);

	(void)state;
	assert_string_equal(nic->device_attr->name, "x0");
	assert_null(nic->device_attr->driver);
	assert_null(nic->device_attr->firmware);
	assert_null(nic->device_attr->vendor_id);
	assert_null(nic->device_attr->device_id);
	assert_null(nic->device_attr->device_version);
	assert_null(nic->link_attr->address);
	assert_int_equal(nic->bus_attr->bus_type, FI_BUS_UNKNOWN);
	assert_int_equal(nic->link_attr->state, FI_LINK_DOWN);
	assert_int_equal(nic->link_attr->speed, 0);
	fi_close(&nic->fid);
}

static bool within(const void *p, const void *start, size_t len)
{
	const char *at = p, *from = start;

	return at >= from && at < from + len;
}

/* A copy points to nothing of the original. */
static void copies(void **state)
{
	struct fid_nic *nic = uet_nic_fid(&full), *copy = NULL, *again = NULL;

	(void)state;
	assert_int_equal(fi_control(&nic->fid, FI_DUP, &copy), 0);
	assert_int_equal(fi_control(&copy->fid, FI_DUP, &again), 0);
	assert_false(within(again->device_attr, nic, sizeof(*nic)));
	assert_ptr_not_equal(again->device_attr->name, nic->device_attr->name);
	fi_close(&nic->fid);
	fi_close(&copy->fid);
	check_full(again);
	fi_close(&again->fid);
}

static void inside_an_info(void **state)
{
	struct fi_info *info = fi_allocinfo(), *copy;

	(void)state;
	info->nic = uet_nic_fid(&full);
	copy = fi_dupinfo(info);
	assert_non_null(copy);
	assert_ptr_not_equal(copy->nic, info->nic);
	fi_freeinfo(info);
	check_full(copy->nic);
	fi_freeinfo(copy);
}

static void other_calls(void **state)
{
	struct fid_nic *nic = uet_nic_fid(&full);
	struct fi_ops *ops = nic->fid.ops;
	void *p;

	(void)state;
	assert_int_equal(ops->size, sizeof(struct fi_ops));
	assert_int_equal(ops->control(&nic->fid, FI_DUP, NULL), -FI_EINVAL);
	assert_int_equal(ops->control(&nic->fid, FI_ENABLE, NULL), -FI_ENOSYS);
	assert_int_equal(ops->bind(&nic->fid, &nic->fid, 0), -FI_ENOSYS);
	assert_int_equal(ops->ops_open(&nic->fid, "x", 0, &p, NULL), -FI_ENOSYS);
	assert_int_equal(ops->ops_set(&nic->fid, "x", 0, NULL, NULL), -FI_ENOSYS);
	fi_close(&nic->fid);
}

/* As fi_info -v sees it: appended to what is there, never beyond the buffer. */
static void text(void **state)
{
	struct fid_nic *nic = uet_nic_fid(&full);
	struct fi_info *info = fi_allocinfo();
	char buf[2048], all[8192];
	size_t len;

	(void)state;
	strcpy(buf, "before\n");
	assert_int_equal(nic->fid.ops->tostr(&nic->fid, buf, sizeof(buf)), 0);
	assert_int_equal(strncmp(buf, "before\n", 7), 0);
	assert_non_null(strstr(buf, "driver: mlx5_core\n"));
	assert_non_null(strstr(buf, "1234:ab:1f.7\n"));
	assert_non_null(strstr(buf, "FI_LINK_UP\n"));

	for (len = 1; len < 600; len++) {
		memset(buf, 'x', sizeof(buf));
		buf[sizeof(buf) - 1] = '\0';
		buf[0] = '\0';
		nic->fid.ops->tostr(&nic->fid, buf, len);
		assert_true(strlen(buf) < len);
		assert_int_equal(strspn(buf + len, "x"), sizeof(buf) - 1 - len);
	}
	info->nic = nic;
	assert_ptr_equal(fi_tostr_r(all, sizeof(all), info, FI_TYPE_INFO), all);
	assert_non_null(strstr(all, "addr_format"));
	assert_non_null(strstr(all, "driver: mlx5_core\n"));
	fi_freeinfo(info);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contents),
		cmocka_unit_test(unknown_is_null),
		cmocka_unit_test(copies),
		cmocka_unit_test(inside_an_info),
		cmocka_unit_test(other_calls),
		cmocka_unit_test(text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

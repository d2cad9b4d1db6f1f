/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The CUDA driver library: found or not, whose memory is whose, copies and their failure. */
#include "test_ofi_cuda.h"

static int set_up(void **state)
{
	(void)state;
	fake_cuda_reset();
	return 0;
}

static void loads_once(void **state)
{
	(void)state;
	assert_int_equal(uet_cuda_devices(), 0);
	assert_int_equal(uet_cuda_load(), 0);
	assert_int_equal(uet_cuda_load(), 0);
	assert_string_equal(uet_cuda_why(), "");
	assert_int_equal(uet_cuda_devices(), 1);
	assert_int_equal(fake_cuda.opened, 1);
	assert_int_equal(fake_cuda.started, 1);
}

static void no_library(void **state)
{
	(void)state;
	fake_cuda.no_library = true;
	assert_int_equal(uet_cuda_load(), -FI_ENODEV);
	assert_non_null(strstr(uet_cuda_why(), "libcuda.so.1"));
	fake_cuda.no_library = false;
	assert_int_equal(uet_cuda_load(), -FI_ENODEV);
	assert_int_equal(fake_cuda.opened, 1);
	uet_cuda_forget();
	assert_int_equal(uet_cuda_load(), 0);
	assert_string_equal(uet_cuda_why(), "");
}

/* An old library, whichever function it lacks. */
static void missing_symbols(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(fake_symbols); i++) {
		fake_cuda_reset();
		fake_cuda.missing = fake_symbols[i].name;
		assert_int_equal(uet_cuda_load(), -FI_ENODEV);
		assert_non_null(strstr(uet_cuda_why(), fake_cuda.missing));
		assert_int_equal(uet_cuda_devices(), 0);
		assert_int_equal(fake_cuda.started, 0);
	}
}

static void no_device(void **state)
{
	(void)state;
	fake_cuda.devices = 0;
	assert_int_equal(uet_cuda_load(), -FI_ENODEV);
	assert_non_null(strstr(uet_cuda_why(), "no device"));
	fake_cuda_reset();
	fake_cuda.init = 100;
	assert_int_equal(uet_cuda_load(), -FI_EIO);
	assert_non_null(strstr(uet_cuda_why(), "FAKE_ERROR"));
	fake_cuda_reset();
	fake_cuda.count = 1;		/* whose name the driver does not know */
	assert_int_equal(uet_cuda_load(), -FI_EIO);
	assert_int_equal(uet_cuda_devices(), 0);
}

static const struct uet_ses_mem *find(const void *ptr)
{
	const struct uet_ses_mem *mem = (void *)1;

	assert_int_equal(uet_cuda_find(ptr, &mem), 0);
	return mem;
}

static void whose_memory(void **state)
{
	const struct uet_ses_mem *mem;
	int local;

	(void)state;
	assert_null(find(fake_cuda.arena));
	assert_int_equal(uet_cuda_load(), 0);
	assert_null(find(&local));
	assert_null(find(NULL));
	assert_null(find((void *)UINTPTR_MAX));
	assert_null(find(fake_cuda_at(FAKE_PINNED, 5)));
	assert_int_equal(fake_cuda.streams, 0);
	mem = find(fake_cuda_at(FAKE_DEVICE, 0));
	assert_non_null(mem);
	assert_ptr_equal(find(fake_cuda_at(FAKE_DEVICE, CUDA_PART - 1)), mem);
	assert_ptr_equal(find(fake_cuda_at(FAKE_MANAGED, 3)), mem);
	assert_int_equal(fake_cuda.streams, 1);
	assert_int_equal(fake_cuda.retains, 0);
	assert_ptr_not_equal(find(fake_cuda_at(FAKE_VIRTUAL, 3)), mem);
	assert_ptr_equal(find(fake_cuda_at(FAKE_VIRTUAL, 4)), find(fake_cuda_at(FAKE_VIRTUAL, 3)));
	assert_int_equal(fake_cuda.streams, 2);
	assert_int_equal(fake_cuda.retains, 1);
	assert_int_equal(fake_cuda.depth, 0);
}

static void cannot_tell(void **state)
{
	const struct uet_ses_mem *mem;

	(void)state;
	assert_int_equal(uet_cuda_load(), 0);
	fake_cuda.attributes = 4;
	assert_int_equal(uet_cuda_find(fake_cuda.arena, &mem), -FI_EIO);
	assert_null(mem);
	fake_cuda.attributes = 0;
	fake_cuda.stream = 2;
	assert_int_equal(uet_cuda_find(fake_cuda.arena, &mem), -FI_EIO);
	assert_null(mem);
	fake_cuda.stream = 0;
	fake_cuda.push = 201;
	assert_int_equal(uet_cuda_find(fake_cuda.arena, &mem), -FI_EIO);
	fake_cuda.push = 0;
	fake_cuda.retain = 2;
	assert_int_equal(uet_cuda_find(fake_cuda_at(FAKE_VIRTUAL, 0), &mem), -FI_EIO);
	fake_cuda.retain = 0;
	assert_non_null(find(fake_cuda.arena));
	assert_non_null(find(fake_cuda_at(FAKE_VIRTUAL, 0)));
	assert_int_equal(fake_cuda.depth, 0);
}

static void many_contexts(void **state)
{
	const struct uet_ses_mem *mem, *first;
	int i, ret = 0;

	(void)state;
	assert_int_equal(uet_cuda_load(), 0);
	first = find(fake_cuda.arena);
	for (i = 0; i < CUDA_CONTEXTS && !ret; i++) {
		fake_cuda.ctx = &fake_contexts[i];
		ret = uet_cuda_find(fake_cuda.arena, &mem);
	}
	assert_int_equal(ret, -FI_ENOSPC);
	assert_int_equal(i, 65);
	fake_cuda.ctx = &fake_contexts[0];
	assert_ptr_equal(find(fake_cuda.arena), first);
}

static void copies(void **state)
{
	const char text[] = "0123456789abcdef";
	const struct uet_ses_mem *mem;
	char back[sizeof(text)];

	(void)state;
	assert_int_equal(uet_cuda_load(), 0);
	mem = find(fake_cuda.arena);
	assert_int_equal(mem->put(mem, fake_cuda.arena + 3, text, sizeof(text)), 0);
	assert_memory_equal(fake_cuda.arena + 3, text, sizeof(text));
	assert_int_equal(mem->get(mem, back, fake_cuda.arena + 3, sizeof(text)), 0);
	assert_memory_equal(back, text, sizeof(text));
	assert_int_equal(mem->put(mem, NULL, NULL, 0), 0);
	assert_int_equal(mem->get(mem, NULL, NULL, 0), 0);
	assert_int_equal(fake_cuda.puts, 1);
	assert_int_equal(fake_cuda.gets, 1);
	assert_int_equal(fake_cuda.depth, 0);
}

static void failing_copies(void **state)
{
	const struct uet_ses_mem *mem;
	char c = 'x';

	(void)state;
	assert_int_equal(uet_cuda_load(), 0);
	mem = find(fake_cuda.arena);
	fake_cuda.put = 719;
	assert_int_equal(mem->put(mem, fake_cuda.arena, &c, 1), -FI_EIO);
	assert_int_equal(fake_cuda.puts, 1);
	assert_int_equal(fake_cuda.arena[0], 0);
	fake_cuda.get = 700;
	assert_int_equal(mem->get(mem, &c, fake_cuda.arena, 1), -FI_EIO);
	fake_cuda.put = 0;
	fake_cuda.sync = 716;
	assert_int_equal(mem->put(mem, fake_cuda.arena, &c, 1), -FI_EIO);
	fake_cuda.sync = 0;
	fake_cuda.push = 4;
	assert_int_equal(mem->put(mem, fake_cuda.arena, &c, 1), -FI_EIO);
	assert_int_equal(fake_cuda.streams, 1);
	assert_int_equal(fake_cuda.depth, 0);
}

/* The device was reset: one more try with a new stream, not two. */
static void reset_device(void **state)
{
	static const int codes[] = { 201, 400, 709 };
	const struct uet_ses_mem *mem;
	char c = 'x';
	size_t i;

	(void)state;
	assert_int_equal(uet_cuda_load(), 0);
	mem = find(fake_cuda.arena);
	for (i = 0; i < UET_ARRAY_SIZE(codes); i++) {
		fake_cuda.puts = 0;
		fake_cuda.put = codes[i];
		assert_int_equal(mem->put(mem, fake_cuda.arena, &c, 1), -FI_EIO);
		assert_int_equal(fake_cuda.puts, 2);
		assert_int_equal(fake_cuda.streams, i + 2);
	}
	fake_cuda.stream = 2;
	fake_cuda.puts = 0;
	assert_int_equal(mem->put(mem, fake_cuda.arena, &c, 1), -FI_EIO);
	assert_int_equal(fake_cuda.puts, 1);
	assert_int_equal(fake_cuda.depth, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(loads_once, set_up),
		cmocka_unit_test_setup(no_library, set_up),
		cmocka_unit_test_setup(missing_symbols, set_up),
		cmocka_unit_test_setup(no_device, set_up),
		cmocka_unit_test_setup(whose_memory, set_up),
		cmocka_unit_test_setup(cannot_tell, set_up),
		cmocka_unit_test_setup(many_contexts, set_up),
		cmocka_unit_test_setup(copies, set_up),
		cmocka_unit_test_setup(failing_copies, set_up),
		cmocka_unit_test_setup(reset_device, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

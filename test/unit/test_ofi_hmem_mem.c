/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Which memory a region or a receive lies in. */
#include "test_ofi_objects.h"

#include "ofi/hmem.h"
#include "test_ofi_cuda.h"

static char host[64];

static int set_up(void **state)
{
	struct fake *f;

	fake_setup(state);
	f = *state;
	fake_cuda_reset();
	assert_int_equal(uet_cuda_load(), 0);
	f->info.caps = FI_HMEM;
	return 0;
}

static struct fi_mr_attr attr_of(const struct iovec *iov, size_t cnt, enum fi_hmem_iface iface,
				 int device)
{
	return (struct fi_mr_attr){
		.mr_iov = iov, .iov_count = cnt, .iface = iface, .device.cuda = device,
	};
}

static int region(struct fake *f, const struct iovec *iov, size_t cnt, enum fi_hmem_iface iface,
		  int device, uint64_t flags, const struct uet_ses_mem **mem)
{
	struct fi_mr_attr attr = attr_of(iov, cnt, iface, device);

	*mem = (void *)1;
	return uet_hmem_of_region(&f->domain, &attr, flags, mem);
}

static void regions(void **state)
{
	struct iovec dev = { fake_cuda_at(FAKE_DEVICE, 0), 10 };
	struct iovec pinned = { fake_cuda_at(FAKE_PINNED, 0), 10 };
	struct iovec plain = { host, sizeof(host) }, everything = { NULL, SIZE_MAX };
	struct iovec both[] = { dev, plain }, same[] = { dev, dev };
	const struct uet_ses_mem *mem, *device;
	struct fake *f = *state;

	assert_int_equal(uet_hmem_find(dev.iov_base, &device), 0);
	assert_int_equal(region(f, &dev, 1, FI_HMEM_CUDA, 0, 0, &mem), 0);
	assert_ptr_equal(mem, device);
	/* Without FI_MR_HMEM an application need not say what it is. */
	assert_int_equal(region(f, &dev, 1, FI_HMEM_SYSTEM, -5, 0, &mem), 0);
	assert_ptr_equal(mem, device);
	assert_int_equal(region(f, same, 2, FI_HMEM_CUDA, 0, FI_HMEM_DEVICE_ONLY, &mem), 0);
	assert_ptr_equal(mem, device);
	assert_int_equal(region(f, &plain, 1, FI_HMEM_SYSTEM, 0, 0, &mem), 0);
	assert_null(mem);
	assert_int_equal(region(f, &everything, 1, FI_HMEM_SYSTEM, 0, 0, &mem), 0);
	assert_null(mem);
	assert_int_equal(region(f, &pinned, 1, FI_HMEM_CUDA, 0, 0, &mem), 0);
	assert_null(mem);
	assert_int_equal(region(f, &pinned, 1, FI_HMEM_CUDA, 0, FI_HMEM_HOST_ALLOC, &mem), 0);
	assert_null(mem);
	assert_int_equal(region(f, both, 2, FI_HMEM_CUDA, 0, 0, &mem), -FI_EINVAL);
	assert_int_equal(region(f, &dev, 1, FI_HMEM_CUDA, 1, 0, &mem), -FI_EINVAL);
	assert_int_equal(region(f, &dev, 1, FI_HMEM_CUDA, -1, 0, &mem), -FI_EINVAL);
	assert_int_equal(region(f, &dev, 1, FI_HMEM_ROCR, 0, 0, &mem), -FI_ENOSYS);
	assert_int_equal(region(f, &dev, 1, FI_HMEM_ZE, 0, 0, &mem), -FI_ENOSYS);
	assert_int_equal(region(f, &dev, 1, 77, 0, 0, &mem), -FI_ENOSYS);
	fake_cuda.attributes = 4;
	assert_int_equal(region(f, &dev, 1, FI_HMEM_CUDA, 0, 0, &mem), -FI_EIO);
}

/* Nobody asked for FI_HMEM: iface may be anything, and the driver is not asked. */
static void without_hmem(void **state)
{
	struct iovec dev = { fake_cuda_at(FAKE_DEVICE, 0), 10 };
	const struct uet_ses_mem *mem;
	struct fake *f = *state;
	struct fid_mr *mr;

	f->info.caps = 0;
	fake_cuda.attributes = 4;
	assert_int_equal(region(f, &dev, 1, 77, -1, 0, &mem), 0);
	assert_null(mem);
	assert_int_equal(fi_mr_reg(fake_domain(f), host, 1, 0, 0, 1, FI_HMEM_DEVICE_ONLY, &mr, f),
			 -FI_EBADFLAGS);
	assert_int_equal(fi_mr_reg(fake_domain(f), host, 1, 0, 0, 1, FI_HMEM_HOST_ALLOC, &mr, f),
			 -FI_EBADFLAGS);
}

static struct fid_mr *reg(struct fake *f, void *buf, uint64_t key)
{
	struct iovec iov = { buf, 8 };
	struct fi_mr_attr attr = attr_of(&iov, 1, FI_HMEM_SYSTEM, 0);
	struct fid_mr *mr;

	attr.requested_key = key;
	assert_int_equal(fi_mr_regattr(fake_domain(f), &attr, 0, &mr), 0);
	return mr;
}

#ifdef FI_MR_DMABUF
static void dmabuf(void **state)
{
	struct fi_mr_attr attr = { .mr_iov = (void *)1, .iov_count = 1 };
	struct fake *f = *state;
	struct fid_mr *mr;

	assert_int_equal(fi_mr_regattr(fake_domain(f), &attr, FI_MR_DMABUF, &mr), -FI_ENOSYS);
}
#endif

static void descriptors(void **state)
{
	uint8_t *dev = fake_cuda_at(FAKE_DEVICE, 0);
	const struct uet_ses_mem *mem, *device;
	struct fake *f = *state, *other = fake_create();
	struct fid_mr *mr[2] = { reg(f, dev, 1), reg(f, host, 2) };
	struct fid_mr *foreign = reg(other, host, 1);
	struct uet_ep *ep = &f->ep.ep;

	assert_int_equal(uet_hmem_find(dev, &device), 0);
	/* Not agreed: a descriptor may be anything. */
	assert_int_equal(uet_hmem_of_fragment(ep, dev, (void *)1, &mem), 0);
	assert_ptr_equal(mem, device);
	f->domain.mr_mode = FI_MR_HMEM;
	assert_int_equal(uet_hmem_of_fragment(ep, NULL, fi_mr_desc(mr[0]), &mem), 0);
	assert_ptr_equal(mem, device);
	assert_int_equal(uet_hmem_of_fragment(ep, host, fi_mr_desc(mr[1]), &mem), 0);
	assert_null(mem);
	assert_int_equal(uet_hmem_of_fragment(ep, dev, NULL, &mem), 0);
	assert_ptr_equal(mem, device);
	f->domain.mr_mode = FI_MR_LOCAL;
	assert_int_equal(uet_hmem_of_fragment(ep, host, fi_mr_desc(foreign), &mem), -FI_EINVAL);
	assert_int_equal(uet_hmem_of_fragment(ep, host, ep, &mem), -FI_EINVAL);
	/* Nothing was looked at when a domain without FI_HMEM registered. */
	f->info.caps = 0;
	assert_int_equal(uet_hmem_of_fragment(ep, dev, (void *)1, &mem), 0);
	assert_ptr_equal(mem, device);
	fi_close(&mr[0]->fid);
	fi_close(&mr[1]->fid);
	fi_close(&foreign->fid);
	fake_destroy(other);
}

static void receives(void **state)
{
	uint8_t *dev = fake_cuda_at(FAKE_DEVICE, 0), *virt = fake_cuda_at(FAKE_VIRTUAL, 0);
	struct uet_ep *ep = &((struct fake *)*state)->ep.ep;
	const struct uet_ses_mem *device;
	struct uet_ses_rx rx = { .iov_cnt = 0 };
	char text[] = "abcd";

	assert_int_equal(uet_hmem_find(dev, &device), 0);
	assert_int_equal(uet_hmem_recv(ep, &rx, NULL), 0);
	assert_null(rx.mem);
	rx.iov_cnt = 2;
	rx.iov[0] = (struct iovec){ dev, 0 };
	rx.iov[1] = (struct iovec){ host, 4 };
	assert_int_equal(uet_hmem_recv(ep, &rx, NULL), 0);
	assert_null(rx.mem);
	rx.iov[0].iov_len = 4;
	assert_int_equal(uet_hmem_recv(ep, &rx, NULL), 0);
	assert_non_null(rx.mem);
	assert_ptr_not_equal(rx.mem, device);
	assert_int_equal(rx.mem->put(rx.mem, host, text, 4), 0);
	assert_int_equal(fake_cuda.puts, 0);
	assert_int_equal(rx.mem->put(rx.mem, dev, text, 4), 0);
	assert_int_equal(fake_cuda.puts, 1);
	assert_memory_equal(host, text, 4);
	assert_memory_equal(dev, text, 4);
	rx.iov[1].iov_base = virt;
	assert_int_equal(uet_hmem_recv(ep, &rx, NULL), 0);
	assert_int_equal(rx.mem->put(rx.mem, virt, text, 4), 0);
	assert_memory_equal(virt, text, 4);
	fake_cuda.attributes = 4;
	assert_int_equal(rx.mem->put(rx.mem, virt, text, 4), -FI_EIO);
	assert_int_equal(uet_hmem_recv(ep, &rx, NULL), -FI_EIO);
	fake_cuda.attributes = 0;
	rx.iov[1].iov_base = dev + 4;
	assert_int_equal(uet_hmem_recv(ep, &rx, NULL), 0);
	assert_ptr_equal(rx.mem, device);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fake_teardown)
	const struct CMUnitTest tests[] = {
		TEST(regions),
		TEST(without_hmem),
		TEST(descriptors),
		TEST(receives),
#ifdef FI_MR_DMABUF
		TEST(dmabuf),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

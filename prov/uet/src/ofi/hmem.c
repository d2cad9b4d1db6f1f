/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Whether device memory is on offer, and staging: copies of it in host memory.
 */
#include "ofi/hmem.h"

#include <stdlib.h>
#include <string.h>

#include "ofi/hmem_cuda.h"

bool uet_hmem_usable(void)
{
	return uet_config.hmem_cuda && uet_cuda_load() == 0;
}

const char *uet_hmem_why(void)
{
	return uet_config.hmem_cuda ? uet_cuda_why() : "switched off by FI_UET_HMEM_CUDA";
}

/* ---- staging ---- */

struct uet_hmem_stage {
	struct uet_list link;		/* fep->stages */
	struct uet_hmem_stage *next;		/* of the same operation */
	size_t size;
	bool results;
	uint8_t cnt;
	struct iovec iov[UET_SES_IOV];	/* the application's */
	const struct uet_ses_mem *mem[UET_SES_IOV];
	_Alignas(16) char data[];
};

/* Look at all fragments: their memory, sum, and whether the device's is among them. */
static int look(const struct uet_ep *ep, const struct iovec *iov, uint8_t cnt, void **desc,
		struct uet_hmem_stage *seen, bool *device)
{
	uint8_t i;
	int ret;

	memset(seen, 0, sizeof(*seen));
	seen->cnt = cnt;
	*device = false;
	for (i = 0; i < cnt; i++) {
		seen->iov[i] = iov[i];
		if (!iov[i].iov_len)
			continue;
		ret = uet_hmem_of_fragment(ep, iov[i].iov_base, desc ? desc[i] : NULL,
					   &seen->mem[i]);
		if (ret)
			return ret;
		seen->size += iov[i].iov_len;
		*device |= seen->mem[i] != NULL;
	}
	return 0;
}

/* A message longer than the limit goes when it is the only one, or it would never go. */
static struct uet_hmem_stage *new_stage(struct uet_fep *fep, const struct uet_hmem_stage *from,
					int *ret)
{
	size_t limit = uet_config.hmem_staging;
	struct uet_hmem_stage *stage;

	*ret = -FI_EAGAIN;
	if (fep->staged && (fep->staged >= limit || from->size > limit - fep->staged))
		return NULL;
	stage = malloc(sizeof(*stage) + from->size);
	if (!stage) {
		*ret = fep->staged ? -FI_EAGAIN : -FI_ENOMEM;
		return NULL;
	}
	memcpy(stage, from, sizeof(*stage));
	fep->staged += stage->size;
	uet_list_add_tail(&fep->stages, &stage->link);
	return stage;
}

static void free_stage(struct uet_fep *fep, struct uet_hmem_stage *stage)
{
	fep->staged -= stage->size;
	uet_list_del(&stage->link);
	free(stage);
}

/* Copy all of @stage from (@out) or to the application's fragments. */
static int move(struct uet_hmem_stage *stage, bool out)
{
	char *at = stage->data;
	uint8_t i;
	int ret = 0;

	for (i = 0; i < stage->cnt && !ret; i++) {
		const struct uet_ses_mem *mem = stage->mem[i];
		void *base = stage->iov[i].iov_base;
		size_t n = stage->iov[i].iov_len;

		if (!n)
			continue;
		if (mem)
			ret = out ? mem->get(mem, at, base, n) : mem->put(mem, base, at, n);
		else
			memcpy(out ? at : base, out ? base : at, n);
		at += n;
	}
	return ret;
}

int uet_hmem_stage(struct uet_ep *ep, struct uet_hmem_stage **stages, struct iovec *iov,
		   uint8_t *cnt, void **desc, bool results)
{
	struct uet_hmem_stage seen, *stage;
	bool device;
	int ret;

	ret = look(ep, iov, *cnt, desc, &seen, &device);
	if (ret || !device)
		return ret;
	seen.results = results;
	stage = new_stage(ep->fep, &seen, &ret);
	if (!stage)
		return ret;
	ret = results ? 0 : move(stage, true);
	if (ret) {
		free_stage(ep->fep, stage);
		return ret;
	}
	stage->next = *stages;
	*stages = stage;
	iov[0] = (struct iovec){ .iov_base = stage->data, .iov_len = stage->size };
	*cnt = 1;
	return 0;
}

int uet_hmem_finish(struct uet_fep *fep, struct uet_hmem_stage *stages, bool ok)
{
	struct uet_hmem_stage *stage;
	int ret = 0;

	while (stages) {
		stage = stages;
		stages = stage->next;
		if (ok && stage->results && !ret)
			ret = move(stage, false);
		free_stage(fep, stage);
	}
	return ret;
}

void uet_hmem_drop(struct uet_fep *fep)
{
	while (!uet_list_empty(&fep->stages))
		free_stage(fep, uet_list_entry(uet_list_first(&fep->stages),
					       struct uet_hmem_stage, link));
}

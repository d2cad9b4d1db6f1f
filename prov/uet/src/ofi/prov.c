/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What libfabric's loader finds: the entry point and the provider's description.
 */
#include "ofi/ofi.h"

#include "base/log.h"
#include "ofi/hmem_cuda.h"
#include "ofi/registry.h"

static void prov_cleanup(void)
{
	uet_log_set_sink(NULL, NULL);
	uet_config_free();
	uet_cuda_forget();
}

/* Not const: libfabric writes to context. */
struct fi_provider uet_prov = {
	.version = FI_VERSION(0, 1),
	.fi_version = FI_VERSION(FI_MAJOR_VERSION, FI_MINOR_VERSION),
	.name = UET_PROV_NAME,
	.getinfo = uet_getinfo,
	.fabric = uet_fabric_open,
	.cleanup = prov_cleanup,
};

static enum fi_log_level fi_level(enum uet_log_level level)
{
	switch (level) {
	case UET_LOG_WARN:
		return FI_LOG_WARN;
	case UET_LOG_INFO:
		return FI_LOG_INFO;
	default:
		return FI_LOG_DEBUG;
	}
}

static bool log_enabled(enum uet_log_level level)
{
	return fi_log_enabled(&uet_prov, fi_level(level), FI_LOG_CORE);
}

static void log_sink(enum uet_log_level level, const char *func, int line, const char *text)
{
	fi_log(&uet_prov, fi_level(level), FI_LOG_CORE, func, line, "%s\n", text);
}

FI_EXT_INI;

FI_EXT_INI
{
	static bool watching;

	uet_log_set_sink(log_sink, log_enabled);
	uet_config_read();
	if (!watching)
		uet_registry_watch_fork();
	watching = true;
	return &uet_prov;
}

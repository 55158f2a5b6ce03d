/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_conf_attester.h"

#define S           1000u
#define MINUTE      (60u * S)
#define ATTESTER(m) SP_BIND_AT(sp_conf_attester, m)

static const char *const ak_words[] = {"ecc", "rsa", NULL};

static const struct sp_bind_key attester_keys[] = {
    {"user", SP_BIND_NAME, false, ATTESTER(user), .help = "user that the part on the bus becomes when started by root"},
    {"tcti", SP_BIND_TEXT, false, ATTESTER(tcti), .min = 1, .max = 255, .def = "device:/dev/tpmrm0",
     .help = "the TPM, as tpm2-tss has it"},
    {"ak_handle", SP_BIND_HEX, false, ATTESTER(ak_handle), .def = "81010020",
     .help = "where the attestation key is kept in the TPM, 8 hexadecimal digits"},
    {"ak", SP_BIND_ENUM, false, ATTESTER(ak), .words = ak_words, .def = "ecc",
     .help = "kind of attestation key that is made at enrolment: ECC P-256 or RSA-2048"},
    {"boot_log", SP_BIND_PATH, false, ATTESTER(boot_log), .min = 1, .def = "/sys/kernel/security/tpm0/binary_bios_measurements",
     .help = "event log of the firmware"},
    {"ima_log", SP_BIND_PATH, false, ATTESTER(ima_log), .min = 1, .def = "/sys/kernel/security/ima/binary_runtime_measurements",
     .help = "measurement list of the kernel"},
    {"trees", SP_BIND_TEXTS, false, SP_BIND_ARRAY(sp_conf_attester, trees, tree_count),
     .help = "absolute paths that files may ask about, with everything below; none: no files"},
    {"services", SP_BIND_TEXTS, false, SP_BIND_ARRAY(sp_conf_attester, services, service_count),
     .help = "services that procmem may ask about, NAME or NAME=HOW, see spice-attester(8); none: no memory"},
    {"cpu_percent", SP_BIND_U32, false, ATTESTER(cpu_percent), .min = 1, .max = 100, .def = "5",
     .help = "of one core, for both parts together; half a second each may be used at once"},
    {"read_mb", SP_BIND_U32, false, ATTESTER(read_mb), .min = 0, .max = 100000, .def = "50",
     .help = "MiB a second read from files and memory; 0: no limit"},
    {"per_minute", SP_BIND_U32, false, ATTESTER(per_minute), .min = 1, .max = 6000, .def = "120",
     .help = "questions of one asker; all together have four times as many"},
    {"memory_mb", SP_BIND_U32, false, ATTESTER(memory_mb), .min = 1, .max = 1024, .def = "128",
     .help = "most memory of documents that are kept to be fetched"},
    {"timeout", SP_BIND_SPAN, false, ATTESTER(timeout_ms), .min = 1 * S, .max = 30 * MINUTE, .def = "2m",
     .help = "longest time one document may take"},
};
const struct sp_bind_table sp_conf_table_attester = {.name = "the attester section",
                                                     .keys = attester_keys,
                                                     .count = SP_COUNT(attester_keys),
                                                     .size = sizeof(struct sp_conf_attester)};

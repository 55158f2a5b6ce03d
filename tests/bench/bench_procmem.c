/* SPDX-License-Identifier: Apache-2.0 */
/* What looking at running services costs a node: the collector over services in Python, against SHA-256 of as many bytes. The
 * collector's work holds more than that: it finds the processes among all others, reads their lists of mappings, holds memory
 * against the files, digests each file whole, and writes the document.
 * 1. One process: bytes are those of memory that was compared and those of files that were digested, once for each.
 * 2. Four processes of one program, as services of OpenStack have: bytes are those of memory alone; the files come on top.
 *
 * Rounds are interleaved; each figure is CPU time, the kernel's part included. Output: a JSON array of objects with both lists of
 * microseconds per MiB. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "collector.h"
#include "procmem_doc.h"
#include "scratch.h"
#include "sp_crypto.h"
#include "victim.h"

#define ROUNDS  15
#define VICTIMS 4u
#define MIB     1048576.0

static struct victim victims[VICTIMS];
static char spec[300];
static uint8_t *block; /* 1 MiB that is hashed */

struct seen {
    uint64_t compared, files; /* bytes */
};

static double cpu_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* What the document says was compared. */
static struct seen read_document(struct sp_str document)
{
    struct procmem_doc d;
    struct procmem_service s;
    struct procmem_file f;
    struct procmem_process p;
    struct procmem_setting e;
    struct procmem_mapping m;
    struct procmem_place at;
    struct seen seen = {0, 0};
    SP_ASSERT(procmem_doc_open(&d, document));
    while (procmem_doc_service(&d, &s)) {
    }
    while (procmem_doc_file(&d, &f)) {
        seen.files += f.size;
    }
    while (procmem_doc_process(&d, &p)) {
        while (procmem_doc_setting(&d, &e)) {
        }
        while (procmem_doc_mapping(&d, &m)) {
            seen.compared += m.compared;
            SP_ASSERT((m.flags & PROCMEM_MAP_UNCOMPARED) == 0);
            while (procmem_doc_place(&d, &at)) {
            }
        }
    }
    SP_ASSERT(procmem_doc_end(&d));
    return seen;
}

/* Returns the CPU time of one document. */
static double collect(struct seen *seen)
{
    static const uint8_t nonce[COLLECT_NONCE_BYTES];
    const char *const services[] = {spec};
    const struct collect_site site = {.root = "", .proc = "/proc", .services = services, .service_count = 1};
    const struct collect_request request = {
        .kind = sp_str_of("procmem"), .args = sp_str_of("{\"services\":[\"py\"]}"), .nonce = nonce, .site = &site};
    struct collect_out out = {.fd = memfd_create("document", MFD_CLOEXEC), .max = COLLECT_DOCUMENT_MAX};
    double start = cpu_us();
    uint16_t reason = collector_run(&request, &out);
    double spent = cpu_us() - start;
    SP_ASSERT(reason == SP_REASON_OK);
    void *document = mmap(NULL, (size_t)out.n, PROT_READ, MAP_PRIVATE, out.fd, 0);
    SP_ASSERT(document != MAP_FAILED);
    *seen = read_document(sp_str_bytes(document, (size_t)out.n));
    (void)munmap(document, (size_t)out.n);
    (void)close(out.fd);
    return spent;
}

static double hash_of(uint64_t bytes)
{
    uint8_t digest[32];
    struct sp_crypto_sha256 h;
    double start = cpu_us();
    sp_crypto_sha256_init(&h);
    for (uint64_t at = 0; at < bytes; at += (uint64_t)MIB) {
        sp_crypto_sha256_update(&h, block, bytes - at < (uint64_t)MIB ? (size_t)(bytes - at) : (size_t)MIB);
    }
    sp_crypto_sha256_final(&h, digest);
    return cpu_us() - start;
}

static void print_list(const char *name, const double *values)
{
    (void)printf(",\"%s\":[", name);
    for (unsigned i = 0; i < ROUNDS; i++) {
        (void)printf("%s%.4f", i > 0 ? "," : "", values[i]);
    }
    (void)printf("]");
}

static void measure(const char *what, bool with_files)
{
    double mine[ROUNDS], other[ROUNDS];
    struct seen seen;
    (void)collect(&seen); /* files into memory */
    for (unsigned i = 0; i < ROUNDS; i++) {
        double spent = collect(&seen);
        uint64_t bytes = seen.compared + (with_files ? seen.files : 0);
        mine[i] = spent / ((double)bytes / MIB);
        other[i] = hash_of(bytes) / ((double)bytes / MIB);
    }
    (void)printf("{\"what\":\"%s\",\"compared\":%llu,\"files\":%llu", what, (unsigned long long)seen.compared,
                 (unsigned long long)seen.files);
    print_list("mine_us", mine);
    print_list("bare_us", other);
    (void)printf("}");
}

static void start(unsigned first, unsigned end, const char *script)
{
    static const char *const environment[] = {"PATH=/usr/bin:/bin", NULL};
    const char *const argv[] = {"python3", "-S", script, NULL};
    for (unsigned i = first; i < end; i++) {
        victim_start(&victims[i], "/usr/bin/python3", argv, environment);
        victim_wait(&victims[i], "ok");
        victim_tell(&victims[i], "import json, ssl, sqlite3, hashlib, socket, logging, email, http.client, xml.dom.minidom");
    }
}

int main(int argc, char **argv)
{
    struct scratch scratch;
    char script[256];
    if (argc > 1) {
        (void)fprintf(stderr, "usage: %s     (no options; prints a JSON array)\n", argv[0]);
        return strcmp(argv[1], "--help") == 0 ? 0 : 2;
    }
    scratch_init(&scratch);
    block = calloc(1, (size_t)MIB);
    SP_ASSERT(block != NULL && sp_crypto_init() == SP_OK);
    victim_script(scratch_path(&scratch, "service.py", script, sizeof script));
    (void)snprintf(spec, sizeof spec, "py=script:%s", script);
    (void)printf("[");
    start(0, 1, script);
    measure("one process", true);
    start(1, VICTIMS, script);
    (void)printf(",\n ");
    measure("four processes", false);
    (void)printf("]\n");
    for (unsigned i = 0; i < VICTIMS; i++) {
        victim_end(&victims[i]);
    }
    sp_crypto_fini();
    free(block);
    scratch_fini(&scratch);
    return 0;
}

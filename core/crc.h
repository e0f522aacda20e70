/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crc.h - CRC-32C (Castagnoli), as in iSCSI, ext4 and the log's format.
 *
 * seed is 0 at first, or the result for the bytes before, so that
 * steme_crc32c(steme_crc32c(0, a, n), b, m) is the CRC of a followed by b.
 * Any thread.
 */
#ifndef STEME_CRC_H
#define STEME_CRC_H

#include <stddef.h>
#include <stdint.h>

/* By the processor's own instruction where it has one, else by tables. */
uint32_t steme_crc32c(uint32_t seed, const void *data, size_t n);

/* By tables on every processor: the reference for the other. */
uint32_t steme_crc32c_portable(uint32_t seed, const void *data, size_t n);

#endif

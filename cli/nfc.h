/* SPDX-License-Identifier: Apache-2.0 */
/* nfc.h - a warning for text that looks the same as another but has other bytes. */
#ifndef STEME_CLI_NFC_H
#define STEME_CLI_NFC_H

#include "core/str.h"

/* True if s (UTF-8) is in NFC for certain; false: perhaps not. */
bool nfc_is_certain(struct steme_str s);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What to tell a person about YAML that does not parse. Private to this folder. */
#ifndef PODFS_VALUE_YAML_ERROR_H
#define PODFS_VALUE_YAML_ERROR_H

#include <yaml.h>

#include "value/reader.h"

/* Turns libyaml's complaint into ours, with the line it is really about and a hint. Returns the code. */
int yaml_fail_parser(struct reader *r, const yaml_parser_t *parser, const char *text, size_t len);

/* Refuses text that is not UTF-8 or holds characters that YAML does not allow. */
int yaml_check_text(struct reader *r, const char *text, size_t len);

/* A hint about the given line (from 1) of a text: a literal that begins with ": ", or "". */
const char *yaml_hint(const char *text, size_t len, uint32_t line);

#endif

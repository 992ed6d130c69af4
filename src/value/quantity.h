/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kubernetes' resource.Quantity: exact fixed point with nine decimals, and the family of suffix it was written with.
 * The facts are those of K8S:staging/src/k8s.io/apimachinery/pkg/api/resource (quantity.go, suffix.go, their tests).
 */
#ifndef PODFS_VALUE_QUANTITY_H
#define PODFS_VALUE_QUANTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "value/value.h"

enum quantity_form {
	QUANTITY_DECIMAL,  /* n u m "" k M G T P E */
	QUANTITY_BINARY,   /* Ki Mi Gi Ti Pi Ei */
	QUANTITY_EXPONENT, /* e3 */
};

/* Amounts beyond about 10^28 saturate, with either sign; binary ones at 2^63-1, as in Kubernetes. */
struct quantity {
	__int128 nanos;
	enum quantity_form form;
};

enum { QUANTITY_TEXT_MAX = 48 }; /* bytes that quantity_format() needs, its NUL included */

/*
 * Reads the grammar [+-]?(d+(.d*)?|.d+)(suffix). Below a nano is rounded away from zero. -EINVAL with the reason and a
 * hint ("use Mi, not mi") in err. Unlike Kubernetes, which takes "Mi" for 0, it wants a digit.
 */
int quantity_parse(const char *s, size_t len, struct quantity *ret, struct error *err);
/* As above for a string, integer or float of a tree; -EINVAL for others. */
int quantity_from(const struct value *v, struct quantity *ret, struct error *err);
struct quantity quantity_from_int(int64_t n, enum quantity_form form);
struct quantity quantity_from_milli(int64_t n, enum quantity_form form);

/* The canonical text: no fraction, the largest suffix, the family kept: 1500m, 1536Mi. */
void quantity_format(const struct quantity *q, char dst[static QUANTITY_TEXT_MAX]);

/* -1, 0 or 1; the family does not count. */
int quantity_compare(const struct quantity *a, const struct quantity *b);
/* -1, 0 or 1. */
int quantity_sign(const struct quantity *q);
/* a + b and a - b, saturating; the family of a, or of b when a is 0. */
struct quantity quantity_add(const struct quantity *a, const struct quantity *b);
struct quantity quantity_sub(const struct quantity *a, const struct quantity *b);
/* In whole units, thousandths, or units of `divisor` (> 0), rounded away from zero, saturating at int64. */
int64_t quantity_value(const struct quantity *q);
int64_t quantity_milli(const struct quantity *q);
int64_t quantity_divided(const struct quantity *q, const struct quantity *divisor);

#endif

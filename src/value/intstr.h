/* SPDX-License-Identifier: Apache-2.0 */
/* int-or-string: a number, a percentage, or the name of a port. */
#ifndef PODFS_VALUE_INTSTR_H
#define PODFS_VALUE_INTSTR_H

#include "value/value.h"

/*
 * An integer as it is, or "N%" of `total` rounded up or down (K8S:util/intstr, GetScaledValueFromIntOrPercent);
 * `fallback` when v is absent or neither. Saturates at int32.
 */
int intstr_scaled(const struct value *v, int total, bool round_up, int fallback);

/* Whether it is a percentage, "N%" with an integer N; N goes to *ret_percent. */
bool intstr_is_percent(const struct value *v, int *ret_percent);

#endif

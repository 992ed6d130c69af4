/* SPDX-License-Identifier: Apache-2.0 */
/* For cppcheck only, which does not read uthash.h: that this macro is a loop, and sets its variables. */
#define HASH_ITER(hh, head, el, tmp) for ((el) = (head), (tmp) = (head); (el); (el) = (tmp))

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Selectors of labels, compiled once and matched often. Forms: metav1.LabelSelector, a plain map (Service,
 * ReplicationController, nodeSelector), a list of requirements (node affinity, with Gt and Lt), and the text form of
 * K8S:apimachinery/pkg/labels/selector.go ("app=web,tier in (a,b),!old").
 *
 * A compiled selector lives in the arena it was made in, copies what it needs, and may be used by any thread.
 */
#ifndef PODFS_VALUE_SELECTOR_H
#define PODFS_VALUE_SELECTOR_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "value/value.h"

struct selector;

/* {matchLabels, matchExpressions}. NULL or null gives a selector that matches nothing, {} one that matches all.
 * -EINVAL with the reason for what is malformed, -ENOMEM. */
int selector_compile(struct arena *a, const struct value *label_selector, struct selector **ret, struct error *err);

/* A map of labels that must all be there. NULL, null and the empty map match nothing if `none_if_empty` (as a Service
 * and a ReplicationController have it), else all (nodeSelector). */
int selector_compile_map(struct arena *a, const struct value *map, bool none_if_empty, struct selector **ret,
			 struct error *err);

/* A list of {key, operator, values}: In, NotIn, Exists, DoesNotExist, Gt, Lt. Empty matches nothing, as a node
 * selector term without requirements does. */
int selector_compile_requirements(struct arena *a, const struct value *list, struct selector **ret,
				  struct error *err);

/* The text form; "" matches all. The message says what was found and what was expected. */
int selector_parse(struct arena *a, const char *text, struct selector **ret, struct error *err);

/* Whether the labels (a map of strings; NULL: none) match. NULL matches nothing. */
bool selector_matches(const struct selector *s, const struct value *labels);

/* Whether it matches everything. */
bool selector_is_empty(const struct selector *s);

/* Appends the text form. A selector that matches nothing gives "<none>". */
void selector_format(struct buf *b, const struct selector *s);

#endif

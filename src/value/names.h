/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grammars of names: RFC 1123 and 1035 as Kubernetes checks them (K8S:util/validation). Each answers NULL when
 * the text is right, else what is wrong with it, as a constant text for people ("must be no more than 63 bytes").
 */
#ifndef PODFS_VALUE_NAMES_H
#define PODFS_VALUE_NAMES_H

#include <stddef.h>

enum { NAME_LABEL_MAX = 63, NAME_SUBDOMAIN_MAX = 253 };

/* Lower-case RFC 1123 label, at most 63 bytes: namespaces, containers. */
const char *name_check_label(const char *s);
/* RFC 1035 label: as above and beginning with a letter: services. */
const char *name_check_label_1035(const char *s);
/* Lower-case RFC 1123 subdomain: labels joined by dots, at most 253 bytes: most objects. */
const char *name_check_subdomain(const char *s);
/* [prefix/]name: the key of a label, annotation, or extended resource. Upper case is allowed in the name. */
const char *name_check_key(const char *s);
/* The value of a label: empty, or at most 63 bytes that begin and end with a letter or digit. */
const char *name_check_label_value(const char *s);
/* An IANA service name: at most 15 bytes, lower case, with a letter, no "--", no dash at an end: ports. */
const char *name_check_port(const char *s);
/* A key of a ConfigMap or Secret: [-._a-zA-Z0-9]+, at most 253 bytes, neither "." nor beginning with "..". */
const char *name_check_config_key(const char *s);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grammars of names and other short texts. Each function gives NULL for a good text, else why it is none, as a phrase
 * that goes after "Invalid value: …: ". A text may hold any bytes, NULs too; it ends with a NUL that `len` does not
 * count.
 */
#ifndef PODFS_SCHEMA_FORMAT_H
#define PODFS_SCHEMA_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

typedef const char *(*schema_format_fn)(const char *s, size_t len);

/* RFC 1123 label, 63 characters: namespaces, containers, volumes. */
const char *format_dns_label(const char *s, size_t len);
/* RFC 1035 label, 63 characters, begins with a letter. */
const char *format_dns_1035_label(const char *s, size_t len);
/* RFC 1123 subdomain, 253 characters: most objects. */
const char *format_dns_subdomain(const char *s, size_t len);
/* [prefix/]name: label keys, finalizers, conditions. */
const char *format_qualified_name(const char *s, size_t len);
/* A qualified name whose prefix may have upper case letters. */
const char *format_annotation_key(const char *s, size_t len);
const char *format_label_value(const char *s, size_t len);
/* IANA service name: 15 characters, lower case letters, digits and single '-', one letter at least. */
const char *format_port_name(const char *s, size_t len);
const char *format_env_name(const char *s, size_t len);
/* Keys of ConfigMaps and Secrets: 253 characters of [-._a-zA-Z0-9], not "." or ".." nor beginning with "..". */
const char *format_config_key(const char *s, size_t len);
const char *format_http_header(const char *s, size_t len);
const char *format_image(const char *s, size_t len);
/* IPv4 or IPv6. */
const char *format_ip(const char *s, size_t len);
/* An address and the length of its prefix. */
const char *format_cidr(const char *s, size_t len);
const char *format_sysctl(const char *s, size_t len);
/* A path without ".." as a component. */
const char *format_no_dotdot(const char *s, size_t len);
/* As above, relative. */
const char *format_local_path(const char *s, size_t len);
/* As above, and its first component does not begin with "..", which atomic volumes keep for themselves. */
const char *format_local_nonreserved_path(const char *s, size_t len);
/* RFC 3339 with a zone; fractions of a second are allowed. */
const char *format_time(const char *s, size_t len);
/* Base64 with padding, line breaks ignored. */
const char *format_base64(const char *s, size_t len);

/* --- format_net.c --- */

/* An address without leading zeros that is no IPv4 address in IPv6's clothes; canonical: the shortest text, too. */
const char *format_ip_strict(const char *s, size_t len);
const char *format_ip_canonical(const char *s, size_t len);
/* An address that an endpoint may have: not unspecified, of the loopback or link-local. */
const char *format_endpoint_ip(const char *s, size_t len);
/* An address with its prefix, in no odd form; network: no bits beyond the prefix; canonical: the shortest text, too. */
const char *format_cidr_strict(const char *s, size_t len);
const char *format_network(const char *s, size_t len);
const char *format_cidr_canonical(const char *s, size_t len);
/* "*.example.com" */
const char *format_wildcard_subdomain(const char *s, size_t len);
/* A subdomain, which may begin with "*.". */
const char *format_host(const char *s, size_t len);
/* What may stand between two slashes of a URL: names of RBAC's objects, and of referents of any kind. */
const char *format_path_segment(const char *s, size_t len);
/* A subdomain whose letters may be capital; format_csi_driver: of 63 bytes at most. */
const char *format_caseless_subdomain(const char *s, size_t len);
const char *format_csi_driver(const char *s, size_t len);
/* A subdomain of two labels or more, which may end in a dot. */
const char *format_fqdn(const char *s, size_t len);
/* DOMAIN/PATH */
const char *format_domain_path(const char *s, size_t len);
/* DOMAIN.WITH.DOTS/path[.path]: who signs certificates. */
const char *format_signer_name(const char *s, size_t len);
/* A search domain of a resolver: a subdomain whose labels may begin with underscores, ".", and a final dot. */
const char *format_search_domain(const char *s, size_t len);
/* 4 or 6; 0 for what is no address. */
int format_ip_family(const char *s);
/* The address, the bits of its prefix, and how many its family has (32 or 128); false for what is no network. */
bool format_parse_cidr(const char *s, unsigned char ret[static 16], unsigned *ret_bits, unsigned *ret_size);

/* The number of bytes that good base64 text stands for. */
size_t format_base64_size(const char *s, size_t len);

#endif

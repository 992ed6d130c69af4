/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grammars of addresses and of what is built like a path or a DNS name. Facts:
 * K8S:apimachinery/pkg/util/validation/{ip,validation}.go and api/validate/content.
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "schema/format.h"
#include "value/names.h"

static bool parse_v6(const char *s, size_t len, unsigned char out[static 16])
{
	return strlen(s) == len && inet_pton(AF_INET6, s, out) == 1;
}

static bool is_mapped(const unsigned char v6[static 16])
{
	static const unsigned char prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

	return memcmp(v6, prefix, sizeof(prefix)) == 0;
}

int format_ip_family(const char *s)
{
	unsigned char v6[16];

	if (!format_ip(s, strlen(s)))
		return parse_v6(s, strlen(s), v6) && !is_mapped(v6) ? 6 : 4;
	return 0;
}

/* inet_pton() refuses leading zeros; this tells that they are the reason. */
static bool has_leading_zero(const char *s)
{
	for (bool begins = true; *s; begins = *s == '.', s++)
		if (begins && *s == '0' && s[1] >= '0' && s[1] <= '9')
			return true;
	return false;
}

const char *format_ip_strict(const char *s, size_t len)
{
	unsigned char v6[16];

	if (format_ip(s, len))
		return has_leading_zero(s) && strspn(s, "0123456789.") == len ?
			       "must not have leading 0s" :
			       "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
	return parse_v6(s, len, v6) && is_mapped(v6) ? "must not be an IPv4-mapped IPv6 address" : NULL;
}

const char *format_ip_canonical(const char *s, size_t len)
{
	const char *why = format_ip_strict(s, len);
	unsigned char bytes[16];
	char text[INET6_ADDRSTRLEN];

	if (why || !parse_v6(s, len, bytes))
		return why;
	return inet_ntop(AF_INET6, bytes, text, sizeof(text)) && strcmp(text, s) == 0 ? NULL :
			"must be in canonical form";
}

const char *format_endpoint_ip(const char *s, size_t len)
{
	unsigned char b[16];

	if (strlen(s) == len && inet_pton(AF_INET, s, b) == 1) {
		if (!(b[0] | b[1] | b[2] | b[3]))
			return "may not be unspecified";
		if (b[0] == 127)
			return "may not be in the loopback range (127.0.0.0/8, ::1/128)";
		if (b[0] == 169 && b[1] == 254)
			return "may not be in the link-local range (169.254.0.0/16, fe80::/10)";
		return b[0] == 224 && !b[1] && !b[2] ?
			       "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)" : NULL;
	}
	if (!parse_v6(s, len, b))
		return "must be a valid IP address";
	if (strspn(s, "0:") == len)
		return "may not be unspecified";
	if (format_ip_canonical(s, len) == NULL && strcmp(s, "::1") == 0)
		return "may not be in the loopback range (127.0.0.0/8, ::1/128)";
	if (b[0] == 0xfe && (b[1] & 0xc0) == 0x80)
		return "may not be in the link-local range (169.254.0.0/16, fe80::/10)";
	return b[0] == 0xff && (b[1] & 0x0f) == 2 ?
		       "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)" : NULL;
}

bool format_parse_cidr(const char *s, unsigned char ret[static 16], unsigned *ret_bits, unsigned *ret_size)
{
	const char *slash = strchr(s, '/');
	char address[INET6_ADDRSTRLEN];
	size_t n = slash ? (size_t)(slash - s) : 0;

	if (format_cidr(s, strlen(s)))
		return false;
	memcpy(address, s, n);
	address[n] = 0;
	*ret_size = memchr(s, ':', n) ? 128 : 32;
	*ret_bits = (unsigned)strtoul(slash + 1, NULL, 10);
	return inet_pton(*ret_size == 128 ? AF_INET6 : AF_INET, address, ret) == 1;
}

const char *format_cidr_strict(const char *s, size_t len)
{
	unsigned char b[16];
	unsigned bits, size;

	if (strlen(s) != len || !format_parse_cidr(s, b, &bits, &size))
		return has_leading_zero(s) && strspn(s, "0123456789./") == len ?
			       "must not have leading 0s in IP or prefix length" :
			       "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
	if (strchr(s, '/')[1] == '0' && strchr(s, '/')[2])
		return "must not have leading 0s in IP or prefix length";
	return size == 128 && is_mapped(b) ? "must not have an IPv4-mapped IPv6 address" : NULL;
}

const char *format_network(const char *s, size_t len)
{
	const char *why = format_cidr_strict(s, len);
	unsigned char b[16];
	unsigned bits, size;

	if (why || !format_parse_cidr(s, b, &bits, &size))
		return why;
	for (unsigned i = bits; i < size; i++)
		if (b[i / 8] & (0x80 >> i % 8))
			return "must not have bits set beyond the prefix length";
	return NULL;
}

const char *format_cidr_canonical(const char *s, size_t len)
{
	const char *why = format_network(s, len);
	char address[INET6_ADDRSTRLEN];
	size_t n = why ? 0 : (size_t)(strchr(s, '/') - s);

	if (why || !strchr(s, ':'))
		return why;
	memcpy(address, s, n);
	address[n] = 0;
	return format_ip_canonical(address, n);
}

const char *format_wildcard_subdomain(const char *s, size_t len)
{
	if (len > NAME_SUBDOMAIN_MAX)
		return "must be no more than 253 bytes";
	if (len > 2 && s[0] == '*' && s[1] == '.' && !format_dns_subdomain(s + 2, len - 2))
		return NULL;
	return "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must "
	       "consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character "
	       "(e.g. '*.example.com')";
}

const char *format_host(const char *s, size_t len)
{
	return memchr(s, '*', len) ? format_wildcard_subdomain(s, len) : format_dns_subdomain(s, len);
}

const char *format_path_segment(const char *s, size_t len)
{
	if (strcmp(s, ".") == 0)
		return "may not be '.'";
	if (strcmp(s, "..") == 0)
		return "may not be '..'";
	if (memchr(s, '/', len))
		return "may not contain '/'";
	if (memchr(s, 0, len))
		return "must not contain NUL";
	return memchr(s, '%', len) ? "may not contain '%'" : NULL;
}

/* As format_dns_subdomain(), capital letters allowed. */
const char *format_caseless_subdomain(const char *s, size_t len)
{
	char lower[NAME_SUBDOMAIN_MAX + 1];

	if (len >= sizeof(lower))
		return "must be no more than 253 bytes";
	for (size_t i = 0; i <= len; i++)
		lower[i] = s[i] >= 'A' && s[i] <= 'Z' ? (char)(s[i] - 'A' + 'a') : s[i];
	return format_dns_subdomain(lower, len);
}

const char *format_csi_driver(const char *s, size_t len)
{
	return len > NAME_LABEL_MAX ? "may not be more than 63 bytes" : format_caseless_subdomain(s, len);
}

const char *format_fqdn(const char *s, size_t len)
{
	char name[NAME_SUBDOMAIN_MAX + 2];
	const char *why;

	if (len > NAME_SUBDOMAIN_MAX)
		return "must be no more than 253 bytes";
	memcpy(name, s, len + 1);
	if (len && name[len - 1] == '.')
		name[--len] = 0;
	why = format_dns_subdomain(name, len);
	if (why)
		return why;
	return strchr(name, '.') ? NULL : "should be a domain with at least two segments separated by dots";
}

const char *format_domain_path(const char *s, size_t len)
{
	const char *slash = memchr(s, '/', len);
	char domain[NAME_SUBDOMAIN_MAX + 1];
	size_t n = slash ? (size_t)(slash - s) : 0;

	if (!slash || !n || !slash[1])
		return "must be a domain-prefixed path (such as \"acme.io/foo\")";
	if (n >= sizeof(domain))
		return "must be no more than 253 bytes";
	memcpy(domain, s, n);
	domain[n] = 0;
	if (format_dns_subdomain(domain, n))
		return format_dns_subdomain(domain, n);
	for (const char *p = slash + 1; p < s + len; p++)
		if (!(*p && ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
			     strchr("-_./+~!$&'()*,;=:%", *p))))
			return "Invalid path (e.g. 'www.my.com/path')";
	return NULL;
}

const char *format_signer_name(const char *s, size_t len)
{
	const char *slash = memchr(s, '/', len);
	size_t n = slash ? (size_t)(slash - s) : 0;
	char domain[254];
	const char *why;

	if (!slash || memchr(slash + 1, '/', len - n - 1))
		return "must be a fully qualified domain and path of the form 'example.com/signer-name'";
	if (n >= sizeof(domain))
		return "must be no more than 253 bytes before the '/'";
	memcpy(domain, s, n);
	domain[n] = 0;
	why = format_dns_subdomain(domain, n);
	if (why)
		return why;
	if (!strchr(domain, '.'))
		return "should be a domain with at least two segments separated by dots";
	return format_dns_subdomain(slash + 1, len - n - 1);
}

const char *format_search_domain(const char *s, size_t len)
{
	static const char why[] = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-', "
				  "'_' or '.', and must start and end with an alphanumeric character or '_'";
	char plain[254];

	if (len == 1 && *s == '.')
		return NULL;
	len -= len && s[len - 1] == '.';
	if (!len || len >= sizeof(plain))
		return len ? "must be no more than 253 bytes" : why;
	for (size_t i = 0; i < len; i++)
		plain[i] = s[i] == '_' ? 'x' : s[i];
	plain[len] = 0;
	return format_dns_subdomain(plain, len) ? why : NULL;
}

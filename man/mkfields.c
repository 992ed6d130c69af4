/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints podfs-fields(5) out of the tables: each kind, then each struct that kinds are made of, with the type and
 * default of each field, and whether podfs acts on it. Status is left out: users do not write it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "schema/schema.h"
#include "schema/table.h"

enum { TYPES_MAX = 512 };

static const struct schema_type *types[TYPES_MAX];
static size_t n_types;

static const struct schema_type *innermost(const struct schema_type *t)
{
	while (t->form == SCHEMA_LIST || t->form == SCHEMA_MAP)
		t = t->elem;
	return t;
}

/* Collects the structs below a type, but for what the system alone writes. */
static void collect(const struct schema_type *t)
{
	t = innermost(t);
	if (t->form != SCHEMA_STRUCT)
		return;
	for (size_t i = 0; i < n_types; i++)
		if (types[i] == t)
			return;
	if (n_types == TYPES_MAX) {
		fputs("mkfields: too many types\n", stderr);
		exit(1);
	}
	types[n_types++] = t;
	for (size_t i = 0; i < t->n_fields; i++)
		if (!(t->fields[i].flags & SYSTEM))
			collect(t->fields[i].type);
}

static void print_type(const struct schema_type *t)
{
	const struct schema_type *in = innermost(t);

	if (t->form == SCHEMA_LIST)
		printf("list of ");
	else if (t->form == SCHEMA_MAP)
		printf("map of ");
	if (t != in && t->elem != in)
		printf("lists of ");
	if (in->form == SCHEMA_STRUCT)
		printf("%s", in->name);
	else
		printf("%s%s", schema_form_name(in), t != in && in->form != SCHEMA_ANY && in->form != SCHEMA_BYTES ? "s" : "");
}

static void print_details(const struct schema_field *f)
{
	const struct schema_type *t = innermost(f->type);

	if (f->flags & REQUIRED)
		printf(", required");
	if (f->flags & IMMUTABLE)
		printf(", cannot be changed");
	if (f->def && strcmp(f->def, "{}") != 0 && *f->def)
		printf(", default %s", f->def);
	if (t->ranged && t->max < (t->form == SCHEMA_INT32 ? INT32_MAX : INT64_MAX))
		printf(", from %lld to %lld", (long long)t->min, (long long)t->max);
	else if (t->ranged)
		printf(", from %lld", (long long)t->min);
	for (size_t i = 0; t->values && t->values[i]; i++)
		if (*t->values[i])
			printf("%s%s", i == 0 || !*t->values[i - 1] ? ": " : ", ", t->values[i]);
	if (f->type->form == SCHEMA_LIST && f->type->keys) {
		printf("; items by");
		for (size_t i = 0; f->type->keys[i]; i++)
			printf("%s %s", i ? " and" : "", f->type->keys[i]);
	}
}

static void print_struct(const struct schema_type *t)
{
	printf(".Ss %s\n.Bl -tag -width 24n -compact\n", t->name);
	for (size_t i = 0; i < t->n_fields; i++) {
		const struct schema_field *f = &t->fields[i];

		if (f->flags & SYSTEM)
			continue;
		printf(".It Li %s%s\n", f->name, f->flags & NOT_ACTED ? " *" : "");
		print_type(f->type);
		print_details(f);
		printf("\n");
	}
	printf(".El\n");
}

static void print_kinds(const struct schema_kind *const *kinds, size_t n)
{
	printf(".Sh KINDS\n.Bl -tag -width 24n -compact\n");
	for (size_t i = 0; i < n; i++) {
		printf(".It Li %s%s\n%s", kinds[i]->kind, kinds[i]->acted_on ? "" : " *", kinds[i]->api_version);
		if (kinds[i]->has_directory)
			printf(", in the directory\n.Pa %s ,\n", kinds[i]->plural);
		else
			printf(", without a directory,\n");
		printf("%s\n", kinds[i]->namespaced ? "in a namespace" : "for the whole cluster");
	}
	printf(".El\n");
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct schema_type *const *)a)->name, (*(const struct schema_type *const *)b)->name);
}

int main(void)
{
	size_t n;
	const struct schema_kind *const *kinds = schema_kinds(&n);

	for (size_t i = 0; i < n; i++)
		collect(kinds[i]->type);
	qsort(types, n_types, sizeof(*types), by_name);
	printf(".\\\" SPDX-License-Identifier: Apache-2.0\n"
	       ".\\\" Made by man/mkfields out of the schema's tables: make man-fields writes it anew.\n"
	       ".Dd November 22, 2026\n.Dt PODFS-FIELDS 5\n.Os\n.Sh NAME\n.Nm podfs-fields\n"
	       ".Nd kinds and fields that podfs knows\n.Sh DESCRIPTION\n"
	       "Every field that a manifest may have, by the object it is in.\n"
	       "Kinds and fields with a\n.Ql *\nare checked and stored, but this version of podfs does nothing with them: a write that\n"
	       "has one is accepted with a warning, as is everything below such a field.\n"
	       "Status, and metadata that the system writes, is left out.\n");
	print_kinds(kinds, n);
	printf(".Sh FIELDS\n");
	for (size_t i = 0; i < n_types; i++)
		print_struct(types[i]);
	printf(".Sh SEE ALSO\n.Xr podfs 1 ,\n.Xr podfs 5\n");
	return fflush(stdout) != 0;
}

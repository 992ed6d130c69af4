/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "schema/meta_rules.h"
#include "schema/persistent_rules.h"
#include "schema/pod_rules.h"

void volume_defaults(struct admit *ad, struct value *v)
{
	struct value *image = value_get(v, "image");

	if (value_len(v) == (value_get(v, "name") ? 1 : 0))
		value_set_map(ad->arena, v, "emptyDir");
	if (image && !value_get(image, "pullPolicy"))
		value_set_str(ad->arena, image, "pullPolicy",
			      image_pull_policy(value_str_or(value_get(image, "reference"), "")));
}

void volume_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	bool found = false;

	for (size_t i = 0; i < value_len(v); i++) {
		if (strcmp(value_key_at(v, i), "name") == 0)
			continue;
		if (found)
			report_forbidden(ad, AT(at, value_key_at(v, i)), value_at(v, i),
					 "may not specify more than 1 volume type");
		found = true;
	}
	iscsi_name_check(ad, v, at);
}

void volumes_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	unique_check(ad, v, "name", at);
}

void empty_dir_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *limit = value_get(v, "sizeLimit");

	if (*value_str_or(limit, "") == '-')
		report_forbidden(ad, AT(at, "sizeLimit"), limit, "SizeLimit field must be a valid resource quantity");
}

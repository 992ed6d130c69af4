/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a kind is written down. Each struct of the API is one table of fields, in the order of the names' bytes (a unit
 * test checks it), each field one line: its name, its type, its flags, its default. Everything else (reading,
 * defaulting, checking, field files, merging, the manual) walks these tables; to add a kind, write its tables and one
 * line in kinds.c.
 *
 * What one field cannot say for itself stands in two hooks of its struct: `defaults` for a value that depends on
 * other fields, `check` for a rule that joins several.
 */
#ifndef PODFS_SCHEMA_TABLE_H
#define PODFS_SCHEMA_TABLE_H

#include <stdint.h>

#include "schema/format.h"
#include "schema/schema.h"

struct admit;
struct schema_path;

enum schema_field_flag {
	REQUIRED = 1 << 0,  /* "Required value" when absent or empty */
	IMMUTABLE = 1 << 1, /* may not change once the object exists */
	SYSTEM = 1 << 2,    /* written by podfs alone; ignored in a manifest, as the API server ignores it on create */
	MANIFEST = 1 << 3,  /* with SYSTEM: a new object keeps what its manifest says (a Node's status) */
	KEEP_ZERO = 1 << 4, /* an explicit 0, false or "" is not the same as leaving the field out */
	ALWAYS = 1 << 5,    /* shown even when it is empty, as Kubernetes' answers do */
	NOT_ACTED = 1 << 6, /* accepted, with a warning: this version does nothing with it. Remove when it does */
};

struct schema_field {
	const char *name;
	const struct schema_type *type;
	unsigned flags;
	const char *def; /* scalar text, or "{}"; NULL: none */
};

/* What a type does beyond its fields. `at` is the value's path. Errors are reported through report.h. */
typedef void (*schema_defaults_fn)(struct admit *ad, struct value *v);
typedef void (*schema_check_fn)(struct admit *ad, const struct value *v, const struct schema_path *at);

struct schema_type {
	const char *name; /* "Container"; NULL for what has no name of its own */
	enum schema_form form;
	const struct schema_type *elem;	    /* of lists and maps */
	const struct schema_field *fields;  /* of structs */
	size_t n_fields;
	const char *const *keys;   /* lists: server-side apply's or the strategic merge's keys, NULL-terminated */
	bool is_set;		   /* lists of scalars that are sets */
	bool retains_keys;	   /* structs: stated anew, they have what is stated and nothing else (value/merge.h) */
	bool open;		   /* structs: other members are kept as they are */
	const struct value *json;  /* of custom kinds: its node of the definition's schema */
	const char *const *values; /* strings: all that is allowed, NULL-terminated */
	const char *unsupported;   /* what is said of another, as an "Invalid value"; NULL: the values, or the range */
	const char *required;	   /* what "Required value" adds where a REQUIRED member of this type is absent */
	bool ranged;		   /* integers */
	int64_t min, max;
	schema_format_fn format; /* strings */
	schema_defaults_fn defaults;
	schema_check_fn check;
};

#define TYPE(...) (&(const struct schema_type){ __VA_ARGS__ })
#define STRUCT(n, table, ...)                                                                             \
	{                                                                                                 \
		.name = (n), .form = SCHEMA_STRUCT, .fields = (table), .n_fields = ARRAY_SIZE(table), ##__VA_ARGS__ \
	}
#define NAMES(...) ((const char *const[]){ __VA_ARGS__, NULL })

#define STRING (&schema_string)
#define BOOL (&schema_bool)
#define INT32 (&schema_int32)
#define INT64 (&schema_int64)
#define BYTES (&schema_bytes)
#define QUANTITY (&schema_quantity)
#define LIST(t) TYPE(.form = SCHEMA_LIST, .elem = (t))
#define LIST_BY(t, ...) TYPE(.form = SCHEMA_LIST, .elem = (t), .keys = NAMES(__VA_ARGS__))
#define SET(t) TYPE(.form = SCHEMA_LIST, .elem = (t), .is_set = true)
#define MAP(t) TYPE(.form = SCHEMA_MAP, .elem = (t))
#define ENUM(...) TYPE(.form = SCHEMA_STRING, .values = NAMES(__VA_ARGS__))
#define ENUM_OR(why, ...) TYPE(.form = SCHEMA_STRING, .values = NAMES(__VA_ARGS__), .unsupported = (why))
#define FORMAT(f) TYPE(.form = SCHEMA_STRING, .format = (f))
#define INT32_RANGE(lo, hi) TYPE(.form = SCHEMA_INT32, .ranged = true, .min = (lo), .max = (hi))
#define INT64_RANGE(lo, hi) TYPE(.form = SCHEMA_INT64, .ranged = true, .min = (lo), .max = (hi))
#define INT32_RANGE_OR(why, lo, hi) \
	TYPE(.form = SCHEMA_INT32, .ranged = true, .min = (lo), .max = (hi), .unsupported = (why))
#define INT32_NONNEG (&schema_int32_nonneg)
#define INT64_NONNEG (&schema_int64_nonneg)
#define PORT (&schema_port)
#define FILE_MODE (&schema_file_mode)
#define ID (&schema_id)

/* scalar.c */
extern const struct schema_type schema_string, schema_bool, schema_int32, schema_int64, schema_float, schema_bytes,
	schema_quantity, schema_int_or_string, schema_time, schema_micro_time, schema_any;
extern const struct schema_type schema_int32_nonneg, schema_int64_nonneg;
extern const struct schema_type schema_port;	      /* 1 to 65535 */
extern const struct schema_type schema_file_mode;     /* 0 to 0777 octal */
extern const struct schema_type schema_id;	      /* uid or gid, 0 to 2^31 - 1 */
extern const struct schema_type schema_port_or_name;  /* int-or-string: port number or port name */
extern const struct schema_type schema_count_or_percent; /* int-or-string: 0 and up, or "0%" to … */
/* meta.c */
extern const struct schema_type schema_object_meta, schema_label_selector, schema_labels, schema_annotations,
	schema_local_object_reference, schema_object_reference;
/* pod*.c */
extern const struct schema_type schema_pod, schema_pod_template_spec, schema_pod_status,
	schema_container, schema_ephemeral_container, schema_volume, schema_affinity, schema_toleration,
	schema_topology_spread_constraint, schema_security_context, schema_pod_security_context,
	schema_resource_requirements, schema_pod_resource_requirements, schema_resource_list, schema_object_field_selector,
	schema_resource_field_selector;
/* workload.c, core.c: the kinds */
extern const struct schema_type schema_deployment, schema_replica_set, schema_namespace, schema_node,
	schema_config_map, schema_event;
/* pod_volume.c, pod_affinity.c: shared with PersistentVolumes and claims */
extern const struct schema_type schema_node_selector, schema_persistent_volume_claim_spec,
	schema_aws_elastic_block_store_volume_source, schema_azure_disk_volume_source, schema_fc_volume_source,
	schema_flocker_volume_source, schema_gce_persistent_disk_volume_source, schema_host_path_volume_source,
	schema_nfs_volume_source, schema_photon_persistent_disk_volume_source, schema_portworx_volume_source,
	schema_quobyte_volume_source, schema_typed_local_object_reference, schema_vsphere_virtual_disk_volume_source;
/* service.c, endpoint_slice.c, networking.c, identity.c, persistent.c, storage.c, rbac.c */
extern const struct schema_type schema_service, schema_endpoints, schema_endpoint_slice, schema_ingress,
	schema_ingress_class, schema_network_policy, schema_service_cidr, schema_ip_address, schema_secret,
	schema_service_account, schema_persistent_volume, schema_persistent_volume_spec,
	schema_persistent_volume_claim, schema_persistent_volume_claim_status, schema_csi_driver, schema_csi_node, schema_csi_storage_capacity,
	schema_storage_class, schema_volume_attachment, schema_volume_attributes_class, schema_cluster_role,
	schema_cluster_role_binding, schema_role, schema_role_binding;
/* admission.c, extension.c, api_service.c, flowcontrol.c, certificate.c, device.c */
extern const struct schema_type schema_mutating_admission_policy, schema_mutating_admission_policy_binding,
	schema_mutating_webhook_configuration, schema_validating_admission_policy,
	schema_validating_admission_policy_binding, schema_validating_webhook_configuration,
	schema_api_service, schema_custom_resource_definition, schema_flow_schema,
	schema_priority_level_configuration, schema_certificate_signing_request,
	schema_device_class, schema_resource_claim, schema_resource_claim_template,
	schema_resource_slice;
/* controllers.c, batch.c, autoscaling.c, limits.c */
extern const struct schema_type schema_replication_controller, schema_pod_template, schema_stateful_set,
	schema_daemon_set, schema_controller_revision, schema_job, schema_cron_job, schema_horizontal_pod_autoscaler,
	schema_pod_disruption_budget, schema_resource_quota, schema_limit_range, schema_priority_class,
	schema_runtime_class, schema_lease;

/* The field of that name of a struct; NULL if there is none. */
const struct schema_field *schema_field_find(const struct schema_type *t, const char *name);

/* --- kinds --- */

/* An apiVersion of the past whose fields mean the same, and what its defaults were. */
struct schema_old_version {
	const char *api_version;
	void (*convert)(struct admit *ad, struct value *root); /* its defaults; NULL: only the name has changed */
	/* Brings fields of another shape to today's, before they are read: values are as they were written. */
	void (*reshape)(struct admit *ad, struct value *root);
	bool is_served; /* a custom kind's that is as good as the current one: no warning */
};

/* What a kind does beyond its type; in kinds.c, one for each. */
struct schema_kind_ops {
	struct schema_kind kind;
	const struct schema_old_version *old_versions; /* ended by a NULL api_version */
	schema_format_fn name_format;
	bool is_secret; /* no value of it stands in a message */
	void (*initial_status)(struct admit *ad, struct value *root); /* of a new object; NULL: {} */
	/* Of an update, before admission: what goes with a change of another field, what stays although it was left out. */
	void (*prepare_update)(struct admit *ad, const struct value *old, struct value *root);
	/* schema_finish_create() and schema_finish_update(). */
	void (*finish_create)(struct admit *ad, struct value *root);
	void (*finish_update)(struct arena *a, const struct value *old, struct value *root);
	/* The kind's own rules of an update; the tables' IMMUTABLE fields are compared before. */
	void (*check_update)(struct admit *ad, const struct value *old, const struct value *new_root);
};

/* kinds.c */
const struct schema_kind_ops *schema_kind_ops(const struct schema_kind *kind);

#endif

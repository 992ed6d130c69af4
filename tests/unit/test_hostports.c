/* SPDX-License-Identifier: Apache-2.0 */
/* The host ports of a pod. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "cmd/hostports.h"
#include "value/json.h"

/* The spec, and its host ports as "host:port/protocol>port". */
static void ports(void **state)
{
#define C(ports) "\"containers\":[{\"name\":\"c\",\"ports\":[" ports "]}]"
	static const struct {
		const char *spec, *ports;
	} cases[] = {
		{ C("{\"containerPort\":80}"), "" },
		{ C("{\"containerPort\":80,\"hostPort\":8080}"), "0:8080/6>80 " },
		{ C("{\"containerPort\":80,\"hostPort\":8080,\"protocol\":\"UDP\"},{\"containerPort\":9,\"hostPort\":9,"
		    "\"protocol\":\"SCTP\"}"), "0:8080/17>80 0:9/132>9 " },
		{ C("{\"containerPort\":80,\"hostPort\":8080,\"hostIP\":\"127.0.0.1\"}"), "7f000001:8080/6>80 " },
		{ C("{\"containerPort\":80,\"hostPort\":8080,\"hostIP\":\"0.0.0.0\"}"), "0:8080/6>80 " },
		{ C("{\"containerPort\":80,\"hostPort\":8080,\"hostIP\":\"::1\"}"), "" },
		{ "\"hostNetwork\":true," C("{\"containerPort\":80,\"hostPort\":80}"), "" },
		{ C("") ",\"initContainers\":[{\"name\":\"i\",\"ports\":[{\"containerPort\":1,\"hostPort\":1}]},{\"name\":\"s\","
		  "\"restartPolicy\":\"Always\",\"ports\":[{\"containerPort\":2,\"hostPort\":3}]}]", "0:3/6>2 " },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_arena_ struct arena *a = arena_new(0);
		_cleanup_free_ struct net_host_port *found = NULL;
		_cleanup_object_ struct object *pod = NULL;
		char text[1024], got[256] = "";
		struct value *v = NULL;
		size_t n = 0, len = 0;

		(void)snprintf(text, sizeof(text), "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\","
			       "\"namespace\":\"n\"},\"spec\":{%s}}", cases[i].spec);
		assert_int_equal(json_read(text, strlen(text), NULL, a, &v, NULL, NULL), 0);
		pod = object_for_test(v, 1);
		assert_int_equal(hostports_read(pod, 5, &found, &n), 0);
		for (size_t k = 0; k < n; k++) {
			assert_int_equal(found[k].addr, 5);
			len += (size_t)snprintf(got + len, sizeof(got) - len, "%x:%u/%u>%u ", found[k].host, found[k].host_port,
						found[k].protocol, found[k].port);
		}
		assert_string_equal(got, cases[i].ports);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of podfs-pod share: an image of a static busybox below a directory of their own, and containers of it
 * through sandbox.h. Assertions fail in here, too.
 */
#ifndef PODFS_TESTS_SANDBOX_UTIL_H
#define PODFS_TESTS_SANDBOX_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "node/sandbox.h"

enum { DEADLINE_MS = 60 * 1000 };

#define UID "11111111-2222-3333-4444-555555555555"

/* Directory of this run: run, image, logs, upper, work, outside. */
extern char top[64];

/*
 * The first ID of the host that pods get which share no namespace with it; 0: they have the host's users. The tests are
 * built for either.
 */
#ifndef SANDBOX_FIRST_ID
#define SANDBOX_FIRST_ID 0
#endif
enum { SANDBOX_IDS = 65536 };

/* A container that runs a script in the image's shell, unless the test changes it. */
struct plan {
	struct sandbox_container c;
	const char *argv[8];
	const char *env[4];
	const char *layers[1];
	char log[512];
};

/* Group fixtures: the image. */
int make_image(void **state);
int remove_image(void **state);

/* Teardown of each test: ends what a failed one left. */
int end_test(void **state);

/* Skips the test, with the reason, where containers cannot be made. */
void need_root(void);

/* A path below the top, in one of a few static buffers. */
char *path_of(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void write_file(const char *path, const char *text, mode_t mode);

/* The text of a file in a static buffer; "" if there is none. */
char *read_file(const char *path);

/* Starts podfs-pod and waits for it; `more` may be NULL. */
struct sandbox *spawn_pod(const struct sandbox_config *more);

/* Ends the pod and checks that nothing of it is left. */
void shut_down(struct sandbox *sb);

/* Waits for an event of `type`; every other one is passed over, except that podfs-pod has gone. */
struct sandbox_event wait_for(struct sandbox *sb, enum sandbox_event_type type);

void plan(struct plan *p, const char *name, const char *script);
void start(struct sandbox *sb, struct plan *p);

/* Starts it and waits for its end. */
struct sandbox_event run(struct sandbox *sb, struct plan *p);

/* Attaches, and waits for that. Returns where the container's input goes. */
int attach(struct sandbox *sb, const char *name);

/* Waits until the log holds `text`. */
void wait_for_log(const struct plan *p, const char *text);

/* The log without its stamps ("stdout F text" lines), in a static buffer. */
const char *log_text(const struct plan *p);

#endif

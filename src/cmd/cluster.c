/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/cluster.h"

#include <ifaddrs.h>
#include <inttypes.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/utsname.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/autoscaler.h"

static const struct controller_type *const controller_types[] = {
	&deployment_controller, &replicaset_controller, &replication_controller, &statefulset_controller, &daemonset_controller,
	&job_controller, &cronjob_controller, &garbage_collector, &namespace_controller, &quota_controller, &volume_controller,
	&disruption_controller, &drain_controller, &podgc_controller, &taint_eviction_controller, &autoscaler_controller, &scheduler,
};

struct cluster {
	struct cluster_config config; /* borrowed strings */
	char *programs[4];	      /* podfs-pod, podfs-image, podfs-nft, podfs-probe */
	struct store *store;
	struct cache *cache;
	struct registry *registry;
	struct image_store *image_store;
	struct images *images;
	struct network *network;
	struct agent *agent;
	pthread_t starter; /* starts the controllers and watches the clock for them; they are its own until it is joined */
	bool starting;
	int stop; /* an eventfd: the starter is to end; while `starting` */
	struct autoscaler_config autoscaler;
	struct controller *controllers[ARRAY_SIZE(controller_types)];
};

char *cluster_program(const char *name)
{
	char self[PATH_MAX], *slash, *path = NULL;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		if (slash && asprintf(&path, "%.*s/%s", (int)(slash - self), self, name) >= 0) {
			if (access(path, X_OK) == 0)
				return path;
			free(path);
		}
	}
	return asprintf(&path, "%s/%s", PODFS_LIBEXECDIR, name) < 0 ? NULL : path;
}

struct registry *cluster_registry(struct cluster *c)
{
	return c->registry;
}

struct images *cluster_images(struct cluster *c)
{
	return c->images;
}

struct agent *cluster_agent(struct cluster *c)
{
	return c->agent;
}

struct network *cluster_network(struct cluster *c)
{
	return c->network;
}

static void on_images_changed(void *arg)
{
	struct cluster *c = arg;

	if (c->agent)
		agent_images_changed(c->agent);
}

static int make_dir(const char *path, mode_t mode, struct error *err)
{
	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return error_errno(err, -errno, "%s", path);
	return 0;
}

static int make_dirs(const struct cluster_config *config, struct error *err)
{
	_cleanup_free_ char *pods = NULL, *run_pods = NULL;
	int r = make_dir(config->state_dir, 0700, err);

	if (r == 0)
		r = make_dir(config->run_dir, 0755, err);
	if (r == 0)
		r = make_dir(config->log_dir, 0755, err);
	if (r == 0 && (asprintf(&pods, "%s/pods", config->state_dir) < 0 ||
		       asprintf(&run_pods, "%s/pods", config->run_dir) < 0))
		r = error_set(err, -ENOMEM, "out of memory");
	if (r == 0)
		r = make_dir(pods, 0700, err);
	return r < 0 ? r : make_dir(run_pods, 0700, err);
}

static int open_store(struct cluster *c, struct error *err)
{
	_cleanup_free_ char *uri = NULL;
	bool lmdb = !strncmp(c->config.store, "lmdb:", 5);

	if (lmdb && asprintf(&uri, "lmdb:%s/store", c->config.state_dir) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	return store_open(lmdb ? uri : c->config.store, &c->store, err);
}

static int open_cache(struct cluster *c, struct error *err)
{
	int r = cache_new(c->store, &c->cache, err);

	if (r == 0) {
		r = registry_new(c->store, c->cache, NULL, &c->registry);
		if (r < 0)
			return error_errno(err, r, "registry");
	}
	return r < 0 ? r : registry_bootstrap(c->registry, err);
}

static int open_images(struct cluster *c, struct error *err)
{
	_cleanup_free_ char *dir = NULL;
	int r;

	if (asprintf(&dir, "%s/images", c->config.state_dir) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	r = image_store_open(dir, c->programs[1], &c->image_store, err);
	if (r < 0)
		return r;
	r = images_new(c->image_store, c->config.state_dir, on_images_changed, c, &c->images);
	return r < 0 ? error_errno(err, r, "images") : 0;
}

static int begin_network(struct cluster *c, struct error *err)
{
	struct network_config config = { .owner = c->config.state_dir, .cidr = c->config.pod_cidr,
					 .nft_helper = c->programs[2] };
	int r = network_new(&config, &c->network);

	return r < 0 ? error_errno(err, r, "pod network") : 0;
}

int cluster_open(const struct cluster_config *config, struct cluster **ret, struct error *err)
{
	static const char *const names[] = { "podfs-pod", "podfs-image", "podfs-nft", "podfs-probe" };
	struct cluster *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return error_set(err, -ENOMEM, "out of memory");
	c->config = *config;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		c->programs[i] = cluster_program(names[i]);
	r = make_dirs(config, err);
	if (r == 0)
		r = open_store(c, err);
	if (r == 0) /* not before: the store's lock says that no other daemon has this cluster */
		r = begin_network(c, err);
	if (r == 0)
		r = open_cache(c, err);
	if (r == 0)
		r = open_images(c, err);
	if (r == 0)
		r = network_open(c->network, c->store, c->cache, err);
	if (r < 0) {
		cluster_close(c, false);
		return r;
	}
	*ret = c;
	return 0;
}

/* The first IPv4 address of the host that others could reach; "" when there is none. */
static void find_host_ip(char ret[static INET_ADDRSTRLEN])
{
	struct ifaddrs *all = NULL;

	ret[0] = '\0';
	if (getifaddrs(&all) < 0)
		return;
	for (struct ifaddrs *i = all; i && !*ret; i = i->ifa_next)
		if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET && !(i->ifa_flags & IFF_LOOPBACK) &&
		    strncmp(i->ifa_name, "podfs", 5) != 0)
			(void)inet_ntop(AF_INET, &((struct sockaddr_in *)(void *)i->ifa_addr)->sin_addr, ret,
					INET_ADDRSTRLEN);
	freeifaddrs(all);
}

static int start_agent(struct cluster *c, struct error *err)
{
	char host_ip[INET_ADDRSTRLEN];
	struct utsname u;
	struct agent_config config = {
		.node_name = c->config.node_name, .host_ip = host_ip, .state_dir = c->config.state_dir,
		.run_dir = c->config.run_dir, .log_dir = c->config.log_dir,
		.log_max_size = c->config.log_max_size, .log_max_files = c->config.log_max_files,
		.cgroup_parent = c->config.cgroup_parent, .pod_max_pids = c->config.pod_max_pids,
		.pod_program = c->programs[0], .probe_program = c->programs[3], .images = c->image_store,
		.image_gc = c->config.image_gc, .eviction = c->config.eviction, .reserved = c->config.reserved,
		.network = &network_ops,
		.network_arg = c->network,
	};

	if (!config.node_name) {
		if (uname(&u) < 0)
			return error_errno(err, -errno, "uname");
		for (char *p = u.nodename; *p; p++) /* a Node's name is a lower-case DNS name */
			*p = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p == '_' ? '-' : *p;
		config.node_name = u.nodename;
	}
	find_host_ip(host_ip);
	return agent_start(&config, c->registry, &c->agent, err);
}

/* Tells the controllers when the clock was set or the machine has slept, until the cluster stops. Waits without a timeout. */
static void watch_clock(struct cluster *c)
{
	const struct itimerspec never = { .it_value.tv_sec = INT64_MAX / NSEC_PER_SEC };
	_cleanup_close_ int timer = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	struct pollfd fds[] = { { .fd = timer, .events = POLLIN }, { .fd = c->stop, .events = POLLIN } };
	uint64_t expirations;

	if (timer < 0 || (timerfd_settime(timer, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) < 0 &&
			  errno != ECANCELED)) {
		log_warning("the clock is not watched: %s", strerrordesc_np(errno));
		return;
	}
	while (!fds[1].revents) {
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
			return;
		/* Only being cancelled makes it readable; reading arms it for the next time. */
		if (!fds[0].revents || read(timer, &expirations, sizeof(expirations)) >= 0 || errno != ECANCELED)
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(c->controllers); i++)
			controller_clock_set(c->controllers[i]);
	}
}

/* Of pods on this node; those on others are not known. */
static int container_usage(void *arg, const struct object *pod, const char *container, struct usage_figures *ret)
{
	struct cluster *c = arg;
	struct agent_container_facts facts;
	int r = agent_container_usage(c->agent, object_uid(pod), container, &facts);

	if (r < 0)
		return r;
	*ret = (struct usage_figures){ .cpu = facts.cpu, .memory = facts.memory, .run = facts.pid };
	return 0;
}

static const void *config_of(struct cluster *c, const struct controller_type *type)
{
	if (type != &autoscaler_controller)
		return NULL;
	c->autoscaler = (struct autoscaler_config){ .usage = { container_usage, c }, .period = c->config.autoscaler_period };
	return &c->autoscaler;
}

/*
 * A controller's start shows it all that exists, a tenth of a second with ten thousand objects: the tree need not wait for
 * that. Without its controllers a cluster is of no use, so a failure ends the daemon in the orderly way.
 */
static void *start_controllers(void *arg)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct cluster *c = arg;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(controller_types) && r == 0; i++)
		r = controller_start_with(controller_types[i], config_of(c, controller_types[i]), c->registry, &c->controllers[i], &err);
	if (r < 0) {
		log_error("%s", error_text(&err));
		(void)kill(getpid(), SIGTERM); /* cannot fail */
		return NULL;
	}
	watch_clock(c);
	return NULL;
}

int cluster_start(struct cluster *c, bool controllers, struct error *err)
{
	int r = start_agent(c, err);

	if (r < 0 || !controllers)
		return r;
	c->stop = eventfd(0, EFD_CLOEXEC);
	if (c->stop < 0)
		return error_errno(err, -errno, "eventfd");
	r = -pthread_create(&c->starter, NULL, start_controllers, c);
	if (r < 0) {
		(void)close(c->stop);
		return error_errno(err, r, "thread");
	}
	c->starting = true;
	(void)pthread_setname_np(c->starter, "starter"); /* ignoring: only for people */
	return 0;
}

static void stop_controllers(struct cluster *c)
{
	if (c->starting) {
		(void)eventfd_write(c->stop, 1); /* cannot fail: it is not full */
		(void)pthread_join(c->starter, NULL); /* cannot fail: it is ours, and joined once */
		(void)close(c->stop);
	}
	c->starting = false;
	for (size_t i = 0; i < ARRAY_SIZE(c->controllers); i++)
		controller_stop(steal_ptr(c->controllers[i]));
}

void cluster_drain(struct cluster *c)
{
	stop_controllers(c);
	if (c->agent)
		agent_drain(c->agent);
}

void cluster_close(struct cluster *c, bool remove)
{
	if (!c)
		return;
	stop_controllers(c);
	images_free(c->images);
	agent_stop(steal_ptr(c->agent));
	network_close(c->network, remove);
	image_store_free(c->image_store);
	registry_free(c->registry);
	cache_free(c->cache);
	store_close(c->store);
	for (size_t i = 0; i < ARRAY_SIZE(c->programs); i++)
		free(c->programs[i]);
	free(c);
}

static void metric(struct buf *out, const char *name, const char *type, const char *help, uint64_t value)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n", name, help, name, type, name, value);
}

void cluster_metrics(struct cluster *c, struct buf *out)
{
	struct store_stats s;

	store_stats(c->store, &s);
	metric(out, "podfs_store_transactions_total", "counter", "Transactions committed.", s.transactions);
	metric(out, "podfs_store_disk_commits_total", "counter", "Commits that were synced to disk.", s.disk_commits);
	metric(out, "podfs_store_conflicts_total", "counter", "Transactions refused for a lost race.", s.conflicts);
	metric(out, "podfs_store_lazy_pending", "gauge", "Lazy changes not yet on disk.", s.lazy_pending);
	metric(out, "podfs_store_keys", "gauge", "Keys in the store.", s.keys);
	metric(out, "podfs_store_bytes", "gauge", "Bytes of the keys and values in the store.", s.bytes);
	metric(out, "podfs_node_pods", "gauge", "Pods that this node holds.", c->agent ? agent_pods(c->agent) : 0);
}

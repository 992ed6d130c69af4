/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last entries, in memory, oldest first. Each belongs to a namespace, whose own `errors` shows it; the root's shows all.
 * A file has them for the next daemon: each is appended, and when it holds many old ones it is written anew.
 */
#include "fs/errors.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

#include "base/clock.h"
#include "fs/errorsfile.h"
#include "fs/region.h"
#include "value/reader.h"

struct entry {
	const char *ns; /* interned */
	uid_t uid;	/* whose call was refused; (uid_t)-1: nobody's */
	int64_t time;
	char *text; /* owned */
};

struct fs_errors {
	struct entry entries[FS_ERRORS_MAX];
	size_t n, in_file; /* entries, and those of them and of older ones in the file */
};

int fs_errors_new(struct fs_errors **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

void fs_errors_free(struct fs_errors *e)
{
	if (!e)
		return;
	for (size_t i = 0; i < e->n; i++)
		free(e->entries[i].text);
	free(e);
}

void fs_escape(struct buf *out, const char *s, size_t len, bool lines)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];
		size_t n;

		if ((c < 0x20 && !(lines && c == '\n')) || c == 0x7f)
			buf_printf(out, "\\x%02x", c);
		else if (c == 0xc2 && i + 1 < len && (unsigned char)s[i + 1] >= 0x80 && (unsigned char)s[i + 1] < 0xa0)
			buf_printf(out, "\\u00%02x", (unsigned char)s[++i]); /* U+0080 to U+009F: terminals obey them too */
		else if (c >= 0x80 && (n = utf8_len(s + i, len - i)) == 0)
			buf_printf(out, "\\x%02x", c); /* nor are those bytes alone for each terminal */
		else if (c >= 0x80) {
			buf_append(out, s + i, n);
			i += n - 1;
		}
		else
			buf_putc(out, (char)c);
	}
}

void fs_errors_format_head(struct buf *out, int64_t now, const struct writer *who, const char *comm, const char *path)
{
	char time[CLOCK_RFC3339_SIZE];

	buf_puts(out, clock_format_rfc3339(now, time));
	if (who && who->pid > 0) {
		buf_printf(out, " uid %u gid %u pid %d (", (unsigned)who->uid, (unsigned)who->gid, (int)who->pid);
		fs_escape(out, comm, strlen(comm), false);
		buf_putc(out, ')');
	} else if (who && who->uid != (uid_t)-1) {
		buf_printf(out, " uid %u gid %u", (unsigned)who->uid, (unsigned)who->gid);
	}
	buf_putc(out, ' ');
	fs_escape(out, path, strlen(path), false);
	buf_putc(out, '\n');
}

/* The line of that number (from 1), without its line feed. */
static bool find_line(const char *text, size_t len, uint32_t number, const char **ret_line, size_t *ret_len)
{
	const char *end = text + len;

	for (uint32_t i = 1; text < end; i++) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((nl ? nl : end) - text);

		if (i == number) {
			*ret_line = text;
			*ret_len = n && text[n - 1] == '\r' ? n - 1 : n;
			return true;
		}
		if (!nl)
			break;
		text = nl + 1;
	}
	return false;
}

static bool continues(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* The line, cut to the part around the column, and a caret below the column's character. */
static void quote_line(struct buf *out, const char *line, size_t len, uint32_t column)
{
	size_t at = 0, start = 0, width;

	for (uint32_t c = 1; c < column && at < len; c++) /* columns count characters, lines hold UTF-8 */
		for (at++; at < len && continues(line[at]); at++)
			;
	if (at > FS_ERRORS_LINE_MAX - 20) {
		start = at - (FS_ERRORS_LINE_MAX - 20);
		while (start < at && continues(line[start]))
			start++;
	}
	width = len - start < FS_ERRORS_LINE_MAX ? len - start : FS_ERRORS_LINE_MAX;
	while (start + width < len && width && continues(line[start + width]))
		width--;
	buf_puts(out, "    ");
	for (size_t i = 0, n; i < width; i += n) { /* one column each, so that the caret stands right */
		const char *s = line + start + i;
		unsigned char c = (unsigned char)*s;
		/* U+0080 to U+009F: terminals obey them too */
		bool control = c < 0x20 || c == 0x7f || (c == 0xc2 && i + 1 < width && (unsigned char)s[1] < 0xa0);

		n = utf8_len(s, width - i);
		if (n && !control)
			buf_append(out, s, n);
		else
			buf_putc(out, n ? ' ' : '?');
		n = n ? n : 1;
	}
	buf_puts(out, "\n    ");
	for (size_t i = start; i < at; i++)
		if (!continues(line[i]))
			buf_putc(out, ' ');
	buf_puts(out, "^\n");
}

void fs_errors_format_diags(struct buf *out, const char *path, const struct diag_list *diags, const char *text,
			    size_t len)
{
	for (size_t i = 0; i < diags->n; i++) {
		struct diag_list one = { .items = &diags->items[i], .n = 1 };
		const char *line;
		size_t line_len;

		if (diags->items[i].severity != DIAG_ERROR)
			continue;
		one.errors = 1;
		buf_puts(out, "  ");
		diag_format(&one, path, out);
		if (text && diags->items[i].mark.line && diags->items[i].mark.column &&
		    find_line(text, len, diags->items[i].mark.line, &line, &line_len))
			quote_line(out, line, line_len, diags->items[i].mark.column);
	}
	if (diags->errors > diags->n)
		buf_printf(out, "  and %zu more\n", diags->errors - diags->n);
	if (diags->failed)
		buf_puts(out, "  out of memory: something is missing from this list\n");
}

bool fs_errors_is_secret(const char *text, size_t len)
{
	static const char word[] = "Secret", blanks[] = " \t\r\n\"'";
	const char *end = text + len;

	/* A colon, blanks or quotes, the word, and no more of it: "kind: Secret" in each way of writing it. */
	for (const char *p = text; (p = memmem(p, (size_t)(end - p), word, strlen(word))); p += strlen(word)) {
		const char *before = p, *after = p + strlen(word);

		while (before > text && memchr(blanks, before[-1], strlen(blanks)))
			before--;
		if (before > text && before[-1] == ':' && (after == end || !isalnum((unsigned char)*after)))
			return true;
	}
	return false;
}

/* Whether a field may hold what is secret: the annotation of kubectl apply has all of it. "" is the whole document. */
static bool may_hold_values(const char *path)
{
	static const char *const fields[] = { "data", "stringData", "metadata.annotations" };

	if (!path || !*path)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (strncmp(path, fields[i], strlen(fields[i])) == 0)
			return true;
	return false;
}

void fs_errors_hide(struct diag_list *diags)
{
	for (size_t i = 0; i < diags->n; i++) {
		char *message = diags->items[i].message, *from, *to;

		if (!message || !may_hold_values(diags->items[i].path))
			continue;
		from = strstr(message, "Invalid value: ");
		if (from) {
			from += strlen("Invalid value: ");
			to = strrchr(from, ':');
			to = to && to[1] == ' ' ? to + 2 : from + strlen(from);
		} else {
			from = strchr(message, '"');
			to = from ? strrchr(message, '"') + 1 : NULL;
		}
		if (from && to)
			memmove(from, to, strlen(to) + 1);
	}
}

/* Cuts at a line's end when the entry is too long. */
static void cut(struct buf *b)
{
	if (buf_failed(b) || b->len <= FS_ERRORS_ENTRY_MAX)
		return;
	for (b->len = FS_ERRORS_ENTRY_MAX; b->len && b->data[b->len - 1] != '\n';)
		b->len--;
	b->data[b->len] = '\0';
	buf_puts(b, "  …\n");
}

/* Drops the oldest entry where there are as many as may be, of that user or of all. */
static void make_room(struct fs_errors *e, uid_t uid)
{
	size_t oldest = e->n, same = 0;

	for (size_t i = e->n; uid && i-- > 0;)
		if (e->entries[i].uid == uid) {
			oldest = i;
			same++;
		}
	if (same < FS_ERRORS_USER || uid == (uid_t)-1)
		oldest = e->n < FS_ERRORS_MAX ? e->n : 0;
	if (oldest == e->n)
		return;
	free(e->entries[oldest].text);
	e->n--;
	memmove(&e->entries[oldest], &e->entries[oldest + 1], (e->n - oldest) * sizeof(e->entries[0]));
}

/* Takes the text, which may be NULL. Ignoring lack of memory: the errno of the refused call is still right. */
static bool remember(struct fs *fs, const char *ns, uid_t uid, int64_t time, char *text)
{
	struct fs_errors *e = fs->errors;

	ns = fs_intern(fs, ns);
	if (!text || !ns) {
		free(text);
		return false;
	}
	make_room(e, uid);
	e->entries[e->n++] = (struct entry){ .ns = ns, .uid = uid, .time = time, .text = text };
	return true;
}

static void format_for_file(struct buf *out, const struct entry *e)
{
	const struct fs_errors_entry one = { .ns = e->ns, .uid = e->uid, .time = e->time, .text = e->text,
					     .len = strlen(e->text) };

	fs_errorsfile_format(out, &one);
}

/* The newest entry, or all of them when the file has grown long. Ignoring errors: `errors` itself has it. */
static void save(struct fs *fs)
{
	struct fs_errors *e = fs->errors;
	_cleanup_buf_ struct buf b = BUF_INIT;
	bool whole = e->in_file >= FS_ERRORS_FILE_MAX;

	for (size_t i = whole ? 0 : e->n - 1; i < e->n; i++)
		format_for_file(&b, &e->entries[i]);
	if (!buf_failed(&b) && fs_errorsfile_write(fs->state_fd, &b, whole) == 0)
		e->in_file = whole ? e->n : e->in_file + 1;
}

static void add_entry(struct fs *fs, const char *ns, uid_t uid, int64_t now, struct buf *text)
{
	cut(text);
	if (remember(fs, ns, uid, now, buf_steal(text, NULL)))
		save(fs);
}

static void on_loaded(void *arg, const struct fs_errors_entry *one)
{
	struct fs *fs = arg;

	if (one->len <= FS_ERRORS_ENTRY_MAX * 2)
		(void)remember(fs, one->ns, one->uid, one->time, strndup(one->text, one->len)); /* ignoring lack of memory */
}

int fs_errors_load(struct fs *fs, struct error *err)
{
	int r = fs_errorsfile_read(fs->state_fd, on_loaded, fs);

	if (r < 0 && r != -EFBIG) /* which is nobody's file but ours, and ours never grows so */
		return error_errno(err, r, "cannot read %s/" FS_ERRORSFILE_NAME, fs->config.state_dir);
	/* It is written anew with the next entry: what is added behind a torn end would not be found again. */
	fs->errors->in_file = FS_ERRORS_FILE_MAX;
	return 0;
}

static void add_text(struct fs *fs, const struct writer *who, const char *ns, const char *path, const char *fmt,
		     va_list ap)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	int64_t now = registry_now(fs->registry);
	char comm[16], text[2048];
	int n = vsnprintf(text, sizeof(text), fmt, ap);

	fs_comm(who->pid, comm);
	fs_errors_format_head(&b, now, who, comm, path);
	buf_puts(&b, "  ");
	if (n > 0)
		fs_escape(&b, text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1, false);
	buf_putc(&b, '\n');
	add_entry(fs, ns, who->uid, now, &b);
}

void fs_errors_add(struct fs *fs, const struct fs_req *r, const char *ns, const char *path, const char *fmt, ...)
{
	struct writer who = { .uid = (uid_t)-1 };
	va_list ap;

	if (r)
		who = fs_req_writer(r);
	va_start(ap, fmt);
	add_text(fs, &who, ns, path, fmt, ap);
	va_end(ap);
}

void fs_errors_add_by(struct fs *fs, const struct writer *who, const char *ns, const char *path, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_text(fs, who, ns, path, fmt, ap);
	va_end(ap);
}

char *fs_errors_diags(struct fs *fs, const struct writer *who, const char *comm, const char *ns, const char *path,
		      struct diag_list *diags, bool secret, const char *text, size_t len)
{
	_cleanup_buf_ struct buf b = BUF_INIT, body = BUF_INIT;
	int64_t now = registry_now(fs->registry);

	if (secret || (text && fs_errors_is_secret(text, len))) {
		fs_errors_hide(diags);
		text = NULL;
	}
	fs_errors_format_diags(&body, path, diags, text, len);
	cut(&body);
	fs_errors_format_head(&b, now, who, comm, path);
	buf_append(&b, buf_str(&body), body.len);
	add_entry(fs, ns, who ? who->uid : (uid_t)-1, now, &b);
	return buf_steal(&body, NULL);
}

void fs_refuse(struct fs_req *r, int err, const struct fs_node *dir, const char *name, const char *fmt, ...)
{
	_cleanup_buf_ struct buf path = BUF_INIT;
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fs_child_path(dir, name, &path);
	fs_errors_add(fs_req_fs(r), r, dir->ns, buf_str(&path), "%s", text);
	fs_reply_err(r, err);
}

/* --- the file --- */

static bool shows(const struct fs_node *n, const struct entry *e)
{
	return e->text && (fs_region_is_root(n) || e->ns == n->ns);
}

static int render(struct fs_node *n, struct buf *out)
{
	const struct fs_errors *e = n->fs->errors;

	for (size_t i = 0; i < e->n; i++)
		if (shows(n, &e->entries[i]))
			buf_puts(out, e->entries[i].text);
	return 0;
}

static int getattr(struct fs_node *n, struct fs_attr *a)
{
	const struct fs_errors *e = n->fs->errors;
	int64_t mtime = n->fs->started;

	for (size_t i = 0; i < e->n; i++)
		if (shows(n, &e->entries[i]) && e->entries[i].time > mtime)
			mtime = e->entries[i].time;
	a->ttl = FS_TTL_NONE; /* the reason must be there within the refused call */
	return fs_attr_render(n, a, fs_region_is_root(n) ? 0400 : 0440, mtime);
}

const struct fs_ops fs_errors_ops = { .region = "errors", .getattr = getattr, .render = render };

/* SPDX-License-Identifier: Apache-2.0 */
/* conf_toml.cc - the one C++ file: TOML through toml++, told as plain C values. */
#include "config.h"

extern "C" {
#include "core/conf.h"
}

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include <toml++/toml.h>

namespace {

struct walker {
	steme_conf_visit *visit;
	void *arg;

	int tell(const std::string &table, const std::string &key,
	    const toml::node &n)
	{
		steme_conf_value v = {};
		std::vector<std::string> items;
		std::vector<const char *> list;
		std::string text;
		char num[64];

		v.table = table.c_str();
		v.key = key.c_str();
		v.line = n.source().begin.line;
		v.type = STEME_CONF_OTHER;
		if (auto s = n.as_string()) {
			text = s->get();
			v.type = STEME_CONF_STRING;
			v.text = text.c_str();
		} else if (auto i = n.as_integer()) {
			v.type = STEME_CONF_INT;
			v.number = i->get();
		} else if (auto b = n.as_boolean()) {
			v.type = STEME_CONF_BOOL;
			v.number = b->get();
		} else if (auto f = n.as_floating_point()) {
			std::snprintf(num, sizeof(num), "%.10g", f->get());
			v.type = STEME_CONF_FLOAT;
			v.text = num;
		} else if (auto a = n.as_array()) {
			v.type = STEME_CONF_ARRAY;
			bool strings = true;
			for (auto &&e : *a) {
				if (auto s = e.as_string())
					items.push_back(s->get());
				else
					strings = false;
			}
			if (strings) {
				for (auto &s : items)
					list.push_back(s.c_str());
				list.push_back(nullptr);
				v.list = list.data();
			}
		}
		return visit(arg, &v);
	}

	int walk(const std::string &name, const toml::table &t)
	{
		for (auto &&[k, n] : t) {
			std::string key(k.str());
			int err;
			if (auto sub = n.as_table())
				err = walk(name.empty() ? key : name + "." + key, *sub);
			else
				err = tell(name, key, n);
			if (err != 0)
				return err;
		}
		return 0;
	}
};

/* Line no (from 1) of text up to its first ']': a table's header. */
std::string_view
header(std::string_view text, unsigned no)
{
	for (; no > 1 && !text.empty(); no--)
		text.remove_prefix(std::min(text.size(), text.find('\n') + 1));
	return text.substr(0, std::min(text.find(']'), text.find('\n')));
}

/* The line where the table whose header stands in line no began before; 0: in none. */
unsigned
first_of(std::string_view text, unsigned no)
{
	std::string_view h = header(text, no);

	for (unsigned i = 1; i < no && !h.empty() && h[0] == '['; i++)
		if (header(text, i) == h)
			return i;
	return 0;
}

} // namespace

extern "C" int
steme_toml_each(const char *path, const char *text, size_t len,
    steme_conf_visit *visit, void *arg, struct steme_why *why)
{
	try {
		toml::table t = toml::parse(std::string_view(text, len),
		    std::string_view(path));
		return walker{visit, arg}.walk("", t);
	} catch (const toml::parse_error &e) {
		std::string d(e.description());
		unsigned line = (unsigned)e.source().begin.line;
		unsigned first = first_of(std::string_view(text, len), line);

		if (first > 0)
			d += "; it began in line " + std::to_string(first) +
			    ": move these keys there";
		return steme_fail(why, STEME_EINVAL, "%s, line %u: %s", path, line,
		    d.c_str());
	} catch (const std::exception &e) {
		return steme_fail(why, STEME_ENOMEM, "%s: %s", path, e.what());
	}
}

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""dashboards.py DASHBOARDS OUT - checks their shape; writes OUT, a file of rules with
all their expressions, for promtool to parse."""
import json, sys
from exprs import dashboards, panels, plain

TITLES = {"StemeDB Cluster Overview", "StemeDB WAL Performance", "StemeDB API Health",
          "StemeDB Storage Health", "StemeDB Query Performance"}
KINDS = {"timeseries", "stat", "bargauge", "row"}
MEMBERS = {"title": str, "uid": str, "schemaVersion": int, "version": int, "panels": list, "tags": list,
           "templating": dict, "time": dict, "annotations": dict, "links": list}
folder, out = sys.argv[1:3]
problems, titles, uids, exprs = [], set(), set(), []


def check_panel(where, p, variables):
    say = lambda what: problems.append("%s: panel %r: %s" % (where, p.get("title"), what))
    if p.get("type") not in KINDS or not p.get("title"):
        say("type %r" % p.get("type"))
    if p.get("type") == "row":
        return
    if p.get("datasource") != {"type": "prometheus", "uid": "${datasource}"}:
        say("its data source is not the variable")
    if not isinstance(p.get("fieldConfig", {}).get("defaults"), dict) or "overrides" not in p["fieldConfig"]:
        say("fieldConfig")
    for step in p["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [{"value": None}])[:1]:
        if step["value"] is not None:
            say("the first threshold has no null")
    refs = [t.get("refId") for t in p.get("targets", [])]
    if not refs or len(set(refs)) != len(refs) or None in refs:
        say("refIds %s" % refs)
    for t in p.get("targets", []):
        if not t.get("expr") or t.get("datasource") != p["datasource"]:
            say("target %s" % t.get("refId"))
        if "$host" in t["expr"] and "host" not in variables:
            say("$host is no variable here")
        exprs.append(t["expr"])


def check_places(where, all_panels):
    taken = {}
    for p in all_panels:
        g = p.get("gridPos", {})
        if set(g) != {"x", "y", "w", "h"} or g["x"] < 0 or g["w"] < 1 or g["x"] + g["w"] > 24:
            problems.append("%s: %r lies at %s" % (where, p.get("title"), g))
            continue
        for cell in ((x, y) for x in range(g["x"], g["x"] + g["w"]) for y in range(g["y"], g["y"] + g["h"])):
            if cell in taken:
                problems.append("%s: %r lies over %r" % (where, p["title"], taken[cell]))
                break
            taken[cell] = p["title"]


for name, d in dashboards(folder):
    where = name.split("/")[-1]
    for member, kind in MEMBERS.items():
        if not isinstance(d.get(member), kind):
            problems.append("%s: %s is %r" % (where, member, d.get(member)))
    if d.get("id") is not None or d["uid"] in uids or d["uid"] + ".json" != where or len(d["uid"]) > 40:
        problems.append("%s: id %r, uid %r" % (where, d.get("id"), d["uid"]))
    uids.add(d["uid"])
    titles.add(d["title"])
    variables = {v["name"]: v for v in d["templating"]["list"]}
    if variables.get("datasource", {}).get("type") != "datasource":
        problems.append(where + ": no variable for the data source")
    every = list(panels(d))
    ids = [p.get("id") for p in every]
    if len(set(ids)) != len(ids) or not all(isinstance(i, int) for i in ids):
        problems.append("%s: ids %s" % (where, ids))
    for p in every:
        check_panel(where, p, variables)
    check_places(where, every)
if titles != TITLES:
    problems.append("dashboards: %s" % sorted(titles ^ TITLES))

json.dump({"groups": [{"name": "dashboards", "rules": [
    {"record": "dashboard:expr:%d" % i, "expr": plain(e)} for i, e in enumerate(exprs)]}]}, open(out, "w"))
print("%d dashboards, %d expressions" % (len(uids), len(exprs)))
if problems:
    sys.exit("\n".join(problems))

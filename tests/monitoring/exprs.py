# SPDX-License-Identifier: Apache-2.0
"""Expressions of rules and dashboards, and the metrics they read."""
import glob, json, re
import yaml

WORDS = set("and or unless by without on ignoring group_left group_right offset bool inf nan".split())


def metrics(expr):
    """Names of the metrics that an expression reads."""
    e = re.sub(r"#.*", "", expr)
    e = re.sub(r'"(?:[^"\\]|\\.)*"', '""', e)
    e = re.sub(r"\{[^}]*\}|\[[^]]*\]", " ", e)
    e = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", e)
    e = re.sub(r"\boffset\s+\w+|\b\d[\w.]*", " ", e)
    return {n for n in re.findall(r"(?<![\w:])([a-zA-Z_:][\w:]*)\b(?!\s*\()", e) if n not in WORDS}


def rules(folder):
    """(record or alert, the rule) of all files."""
    for name in sorted(glob.glob(folder + "/*.yml")):
        for group in yaml.safe_load(open(name))["groups"]:
            for rule in group["rules"]:
                yield rule.get("record", rule.get("alert")), rule


def dashboards(folder):
    for name in sorted(glob.glob(folder + "/*.json")):
        with open(name) as f:
            yield name, json.load(f)


def panels(dashboard):
    for p in dashboard["panels"]:
        yield p
        yield from p.get("panels", [])


def plain(expr):
    """An expression of a dashboard with Grafana's variables filled in."""
    return re.sub(r"\$(job|instance|host)\b", ".*", expr.replace("$__rate_interval", "1m"))


assert metrics('sum by (a, b) (rate(x_total{c="d{e"}[5m])) / on (job) group_left (k) (y:z offset 1h > 10e9) or z') == \
    {"x_total", "y:z", "z"}

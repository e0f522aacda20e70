# SPDX-License-Identifier: Apache-2.0
"""browser.py - headless Chromium for tests of the page, by chromedriver's plain WebDriver
HTTP: nothing to install but Debian's chromium and chromium-driver."""
import base64
import http.client
import json
import os
import shutil
import subprocess
import tempfile
import time

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--disable-default-apps"]
KEYS = {"Enter": "\ue007", "Tab": "\ue004", "Escape": "\ue00c", "Home": "\ue011", "End": "\ue010",
        "ArrowLeft": "\ue012", "ArrowUp": "\ue013", "ArrowRight": "\ue014", "ArrowDown": "\ue015",
        "PageUp": "\ue00e", "PageDown": "\ue00f", "Shift": "\ue008"}
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
PATIENCE = 30


class Browser:
    def __init__(self, folder):
        self.profile = tempfile.mkdtemp(prefix="chromium.", dir=folder)
        # what it leaves behind goes with the folder
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, text=True,
                                       env=dict(os.environ, TMPDIR=folder))
        self.port = None
        for line in self.driver.stdout:
            if "successfully on port" in line:
                self.port = int(line.rsplit("port", 1)[1].strip(" .\n"))
                break
        if self.port is None:
            raise RuntimeError("chromedriver does not start: is chromium-driver installed?")
        answer = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": FLAGS + ["--user-data-dir=" + self.profile]},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}}}, session=False)
        self.session = answer["sessionId"]

    def call(self, method, path, body=None, session=True):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        url = ("/session/" + self.session if session else "") + path
        c.request(method, url, json.dumps(body if body is not None else {}) if method == "POST" else None,
                  {"Content-Type": "application/json"})
        answer = json.loads(c.getresponse().read())["value"]
        c.close()
        if isinstance(answer, dict) and "error" in answer:
            raise RuntimeError(f"{path}: {answer['error']}: {answer['message'].splitlines()[0]}")
        return answer

    def close(self):
        try:
            self.call("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait(30)
            shutil.rmtree(self.profile, ignore_errors=True)

    # ---- what a person does

    def open(self, url):
        """Afresh, also if only the hash differs."""
        self.call("POST", "/url", {"url": "about:blank"})
        self.call("POST", "/url", {"url": url})

    def click(self, css):
        def clicked():
            e = self.find(css)
            try:
                return e and (self.call("POST", f"/element/{e}/click") or True)
            except RuntimeError as why:		# drawn anew meanwhile
                if "stale element" not in str(why):
                    raise
        self.wait(clicked, f"{css} is there")

    def keys(self, *keys, hold=None):
        actions = [{"type": "keyDown", "value": KEYS[hold]}] if hold else []
        for k in keys:
            for c in [KEYS[k]] if k in KEYS else k:
                actions += [{"type": "keyDown", "value": c}, {"type": "keyUp", "value": c}]
        if hold:
            actions.append({"type": "keyUp", "value": KEYS[hold]})
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def cdp(self, command, **params):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": params})

    def size(self, width, height):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def media(self, **features):
        self.cdp("Emulation.setEmulatedMedia", features=[
            {"name": k.replace("_", "-"), "value": v} for k, v in features.items()])

    # ---- what a person sees

    def find(self, css):
        found = self.call("POST", "/elements", {"using": "css selector", "value": css})
        return found[0][ELEMENT] if found else None

    def js(self, script, *args):
        return self.call("POST", "/execute/sync", {"script": script, "args": list(args)})

    def text(self, css="main"):
        return self.js("return document.querySelector(arguments[0])?.innerText ?? ''", css)

    def count(self, css):
        return self.js("return document.querySelectorAll(arguments[0]).length", css)

    def wait(self, test, what):
        end = time.monotonic() + PATIENCE
        while True:
            got = test()
            if got:
                return got
            if time.monotonic() > end:
                raise AssertionError(f"never: {what}; the page says: {self.text()[:500]!r}")
            time.sleep(0.03)

    def sees(self, text, css="main"):
        self.wait(lambda: text in self.text(css), f"{text!r} in {css}")

    def shot(self, path):
        with open(path, "wb") as f:
            f.write(base64.b64decode(self.call("GET", "/screenshot")))
        return os.path.getsize(path)

    # ---- what must not happen

    def complaints(self):
        """Lines of the console since the last call."""
        return [e["message"] for e in self.call("POST", "/se/log", {"type": "browser"})]

    def asked(self):
        """URLs asked for since the last call, of whatever kind."""
        urls = []
        for e in self.call("POST", "/se/log", {"type": "performance"}):
            m = json.loads(e["message"])["message"]
            if m["method"] == "Network.requestWillBeSent":
                urls.append(m["params"]["request"]["url"])
        return urls

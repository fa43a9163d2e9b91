"""Headless Chromium by Selenium: one window, its console and its requests on record."""

import json
import os

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait


class Browser:
    def __init__(self, profile):
        options = Options()
        options.binary_location = "/usr/bin/chromium"
        for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run",
                     "--window-size=1280,1600", "--no-proxy-server", "--disable-background-networking",
                     "--disable-component-update", "--disable-sync", f"--user-data-dir={profile}"):
            options.add_argument(word)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver", log_path=os.path.join(profile, "driver.log")),
                                       options=options)
        self.driver.set_page_load_timeout(60)
        self.requests = []

    def close(self):
        self.driver.quit()

    def open(self, url):
        self.driver.get(url)

    def find(self, css, timeout=60):
        """The first visible element."""
        return WebDriverWait(self.driver, timeout).until(
            lambda d: next((e for e in d.find_elements(By.CSS_SELECTOR, css) if e.is_displayed()), None), css)

    def gone(self, css, timeout=60):
        WebDriverWait(self.driver, timeout).until(lambda d: not d.find_elements(By.CSS_SELECTOR, css), css)

    def click(self, css):
        element = self.find(css)
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def faults(self):
        """What the console says that is worse than a warning: scripts that fail, what the page's policy refuses."""
        return [e["message"] for e in self.driver.get_log("browser") if e["level"] == "SEVERE"]

    def addresses(self):
        """Every address asked for so far, without those made of data."""
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])
        return [u for u in self.requests if not u.startswith(("data:", "blob:", "chrome:"))]

    def shoot(self, file):
        self.driver.save_screenshot(file)
        assert os.path.getsize(file) > 10_000

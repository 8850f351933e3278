//! Starts a headless Chromium or Firefox on one page. The page does the rest, so no driver is needed.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Stdio;

use tokio::process::{Child, Command};

/// A browser, and the path of its program.
pub struct Browser {
    pub kind: Kind,
    pub path: OsString,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Chromium,
    Firefox,
}

/// The first line switches off a delay: after a connection that failed, Firefox waits before it opens the next one. The
/// other lines keep Firefox from using the network on its own.
const PREFERENCES: &str = r#"
user_pref("network.websocket.delay-failed-reconnects", false);
user_pref("app.update.enabled", false);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("extensions.update.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("services.settings.server", "data:,");
user_pref("toolkit.telemetry.enabled", false);
"#;

impl Browser {
    /// A program whose name begins with "firefox" is Firefox. Any other is Chromium.
    pub fn at(path: OsString) -> Self {
        let name = Path::new(&path).file_name().unwrap_or_default().to_string_lossy();
        let kind = if name.starts_with("firefox") { Kind::Firefox } else { Kind::Chromium };
        Self { kind, path }
    }

    /// Opens a page in a new profile, which is an empty directory.
    pub fn open(&self, profile: &Path, page: &str) -> io::Result<Child> {
        let mut command = Command::new(&self.path);
        match self.kind {
            Kind::Chromium => command
                .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
                .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
                .arg(format!("--user-data-dir={}", profile.display())),
            Kind::Firefox => {
                fs::write(profile.join("user.js"), PREFERENCES)?;
                command
                    // As root, Firefox refuses a home directory that belongs to someone else.
                    .env("HOME", profile)
                    // Containers often forbid what its sandbox needs.
                    .env("MOZ_DISABLE_CONTENT_SANDBOX", "1")
                    .args(["--headless", "--no-remote", "--profile"])
                    .arg(profile)
            }
        };
        command.arg(page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn()
    }
}

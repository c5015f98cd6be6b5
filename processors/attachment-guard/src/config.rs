//! The stage's config: defaults with their reasons, and what is no config.

use serde::{Deserialize, Serialize};

/// Patterns in a list, at most.
pub const PATTERNS_MAX: usize = 500;
/// Bytes of a pattern, at most.
pub const PATTERN_MAX: usize = 100;
/// Bytes of the help text, at most: with a name beside it a reply stays below the 400 bytes that the host allows.
pub const HELP_MAX: usize = 200;

/// What a system runs when it is opened, as Gmail and Outlook refuse it ("File types blocked in Gmail", "Blocked attachments
/// in Outlook"), disk images and installers included.
pub const NAMES: &str = "ade adp apk application appref-ms appx appxbundle bat cab chm cmd com cpl diagcab diagcfg diagpkg dll \
    dmg ex ex_ exe gadget hta img inf ins iso isp jar jnlp js jse lib lnk mde mjs msc msh msi msix msixbundle msp mst nsh pif ps1 \
    ps2 psc1 reg scf scr sct settingcontent-ms shb sys vb vbe vbs vhd vhdx vxd ws wsc wsf wsh xll";
/// Types by which readers run what has a harmless name.
pub const TYPES: &[&str] = &[
    "application/hta",
    "application/vnd.microsoft.portable-executable",
    "application/x-dosexec",
    "application/x-msdos-program",
    "application/x-msdownload",
    "application/x-msi",
];
/// What a sender can do instead.
pub const HELP: &str = "please put it where it can be fetched and send the link";

/// What becomes of a message with an attachment that is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Refused, with a reply that says why.
    Reject,
    /// Taken, and put where the recipient looks at doubtful mail.
    Quarantine,
}

/// What becomes of a message whose parts cannot all be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnLimit {
    /// As [`Action::Reject`].
    Reject,
    /// As [`Action::Quarantine`].
    Quarantine,
    /// Nothing, for this reason.
    Pass,
}

/// The stage's config.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Names that are not accepted: patterns with `*` (any characters) and `?` (any one), without regard to case. At most 500
    /// of at most 100 bytes. Default: executables and scripts, see [`NAMES`].
    pub names: Vec<String>,
    /// Types that are not accepted: patterns such as `application/x-msdownload` or `video/*`. At most 500 of at most 100 bytes.
    /// Default: [`TYPES`].
    pub types: Vec<String>,
    /// What becomes of a message with such an attachment. Default `reject`.
    pub action: Action,
    /// What becomes of a message whose parts cannot all be seen: past a limit of the scanner, in a nested message that is
    /// transfer-encoded, or where mail programs read a message differently. Default `reject`: anything may hide there, and no mail program comes near the limits.
    pub on_limit: OnLimit,
    /// Ends the reply: what the sender can do instead. 1 to 200 bytes of printable ASCII. Default [`HELP`].
    pub help: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            names: NAMES.split_ascii_whitespace().map(|extension| format!("*.{extension}")).collect(),
            types: TYPES.iter().map(|&name| name.into()).collect(),
            action: Action::Reject,
            on_limit: OnLimit::Reject,
            help: HELP.into(),
        }
    }
}

impl Config {
    /// # Errors
    /// What is wrong, for the person who wrote it.
    pub fn check(&self) -> Result<(), String> {
        check_patterns("names", &self.names)?;
        check_patterns("types", &self.types)?;
        if let Some(bad) = self.types.iter().find(|pattern| pattern.matches('/').count() != 1) {
            return Err(format!("types: {bad:?} is no type such as \"video/*\""));
        }
        let help = &self.help;
        if help.trim().is_empty() || help.len() > HELP_MAX {
            return Err(format!("help: {} bytes, but 1 to {HELP_MAX} are allowed", help.len()));
        }
        if let Some(bad) = help.chars().find(|c| !matches!(c, ' '..='~')) {
            return Err(format!("help: holds {bad:?}, but an SMTP reply is printable ASCII"));
        }
        Ok(())
    }
}

fn check_patterns(key: &str, patterns: &[String]) -> Result<(), String> {
    if patterns.len() > PATTERNS_MAX {
        return Err(format!("{key}: {} patterns, but at most {PATTERNS_MAX} are allowed", patterns.len()));
    }
    for pattern in patterns {
        if pattern.is_empty() || pattern.len() > PATTERN_MAX {
            let len = pattern.len();
            return Err(format!("{key}: a pattern of {len} bytes, but 1 to {PATTERN_MAX} are allowed"));
        }
    }
    Ok(())
}

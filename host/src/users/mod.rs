//! Who may log in: names and verifiers in `STATE_DIR/users`, looked up for an exchange of AUTH.
//!
//! ```text
//! account("jo")      -> its verifier
//! account("nobody")  -> a verifier that no password fits, the same each time, with a salt and work like any
//! ```
//!
//! `book` is the file's text, `store` changes it for commands; `smtp::sasl` is the exchange. The
//! file is taken up as it changes; one that is no good is told of once, and the last good one goes on.

pub mod book;
pub mod store;

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::{OnceCell, Semaphore};

pub use book::Book;
pub use store::{Store, StoreError};

use crate::smtp::sasl::verifier::{ITERATIONS, SALT_LEN, VerifierError};
use crate::smtp::sasl::{Account, PasswordCheck, Verifier};
use crate::telemetry::{Event, Level, Telemetry};
use crate::watched::{Found, WatchedFile};

/// Octets of our part of a nonce: 24 characters.
const NONCE_LEN: usize = 18;
/// Octets of what the salts of nobody are made of.
const SECRET_LEN: usize = 32;
/// The file with it, below the state folder.
const SECRET_FILE: &str = "users.secret";
/// How long a password may wait for its turn to be checked: a client waits for a reply, and would rather be told.
const TURN_WAIT_MAX: Duration = Duration::from_secs(20);

/// Nobody can be looked up or checked now. The client is to try again: 454 4.7.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// The file is no good and never was since the start, or the secret is not there.
    #[error("the users' file or the secret is no good")]
    NoUsers,
    /// Too many passwords are being checked.
    #[error("too many passwords are being checked")]
    Busy,
}

/// Users, as the running server sees them.
pub struct Users {
    file: WatchedFile<Option<Book>>,
    /// Made or read where somebody first asks, in the second file.
    secret: OnceCell<Vec<u8>>,
    secret_path: PathBuf,
    /// Passwords that are being checked: each keeps a core busy.
    turns: Arc<Semaphore>,
    telemetry: Telemetry,
}

impl Users {
    /// Of this state folder. Reads the file, if there is one; one that is no good is logged, and nobody can log in until it is
    /// mended. Blocks.
    pub fn open(state_dir: &Path, telemetry: Telemetry) -> Self {
        let (path, parse) = (state_dir.join(store::FILE), Box::new(parse));
        let (file, problem) = WatchedFile::open_or(path, book::FILE_MAX, parse, None);
        // Half of the cores stay with the mail.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let turns = Arc::new(Semaphore::new((cores / 2).max(1)));
        let (secret, secret_path) = (OnceCell::new(), state_dir.join(SECRET_FILE));
        let users = Self { file, secret, secret_path, turns, telemetry };
        users.complain(problem);
        users
    }

    /// The account of a prepared name, or of nobody. The same work for both.
    ///
    /// # Errors
    /// [`Unavailable::NoUsers`].
    pub async fn account(&self, name: &str) -> Result<Account, Unavailable> {
        let (book, problem) = self.file.current().await;
        self.complain(problem);
        let book = Option::as_ref(&book).ok_or(Unavailable::NoUsers)?;
        let nobody = Arc::new(Verifier::of_nobody(self.secret().await?, name, book.iterations()));
        let found = book.get(name);
        let (is_real, verifier) = (found.is_some(), found.cloned().unwrap_or(nobody));
        Ok(Account { name: name.to_owned(), verifier, is_real })
    }

    /// Whether a password holds, found out on a thread that may burn CPU time, so many at once as half of the cores.
    ///
    /// # Errors
    /// [`Unavailable::Busy`], where its turn did not come in time.
    pub async fn holds(&self, check: PasswordCheck) -> Result<bool, Unavailable> {
        let turn = tokio::time::timeout(TURN_WAIT_MAX, self.turns.clone().acquire_owned()).await;
        let turn = turn.ok().and_then(Result::ok).ok_or(Unavailable::Busy)?;
        // The turn is over when the work is, not when its client has gone.
        let work = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            check.holds()
        });
        // Its only fault would be a panic, which has been printed.
        work.await.map_err(|_| Unavailable::Busy)
    }

    /// What salts of nobody are made of.
    async fn secret(&self) -> Result<&[u8], Unavailable> {
        let make = || async {
            let path = self.secret_path.clone();
            // The task's only fault would be a panic, which has been printed.
            tokio::task::spawn_blocking(move || secret(&path))
                .await
                .unwrap_or_else(|error| Err(io::Error::other(error)))
        };
        let made: io::Result<&Vec<u8>> = self.secret.get_or_try_init(make).await;
        made.map(Vec::as_slice).map_err(|error| {
            let text = format!("nobody can log in: {error}");
            self.telemetry.emit(Event::Notice { level: Level::Error, text });
            Unavailable::NoUsers
        })
    }

    fn complain(&self, problem: Option<String>) {
        let Some(problem) = problem else { return };
        let path = self.file.path().display();
        let text = format!("the users' file `{path}` is no good, what it said before goes on: {problem}");
        self.telemetry.emit(Event::Notice { level: Level::Error, text });
    }
}

/// A verifier of a prepared password, with a new salt. Burns CPU time.
///
/// # Errors
/// The system gives no random bytes.
pub fn new_verifier(password: &str) -> io::Result<Verifier> {
    let salt = random(SALT_LEN)?;
    Verifier::derive(password, &salt, ITERATIONS).map_err(|error: VerifierError| io::Error::other(error))
}

/// Our part of a nonce for SCRAM.
///
/// # Errors
/// The system gives no random bytes.
pub fn nonce() -> io::Result<String> {
    random(NONCE_LEN).map(|bytes| STANDARD.encode(bytes))
}

fn random(len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map(|()| bytes).map_err(|_| io::Error::other("the system gives no random bytes"))
}

/// No file: no users. One that others may read is refused, as a guess at a password could be tried on it.
fn parse(found: Option<Found>) -> Result<Option<Book>, String> {
    let Some(Found { bytes, mode }) = found else { return Ok(Some(Book::default())) };
    if mode & 0o077 != 0 {
        return Err(format!("others may read it (mode {mode:o}): chmod 600"));
    }
    Book::parse(&bytes).map(Some)
}

/// What was made when somebody first asked, or is made now. It opens nothing: with it one can tell who is nobody.
fn secret(path: &Path) -> io::Result<Vec<u8>> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("`{}`: {error}", path.display()));
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(named(error)),
        Ok(text) => {
            let bytes = STANDARD.decode(text.trim_end()).unwrap_or_default();
            if bytes.len() == SECRET_LEN {
                return Ok(bytes);
            }
            let text = "is not what was written: remove it, and another is made";
            return Err(named(io::Error::new(io::ErrorKind::InvalidData, text)));
        }
    }
    let bytes = random(SECRET_LEN)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(named)?;
    writeln!(file, "{}", STANDARD.encode(&bytes)).and_then(|()| file.sync_all()).map_err(named)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::smtp::sasl::verifier::ITERATIONS_MIN;
    use crate::smtp::sasl::{Exchange, Mechanism, Step};

    fn verifier(password: &str) -> Verifier {
        Verifier::derive(password, b"0123456789abcdef", ITERATIONS_MIN).unwrap()
    }

    fn open(state_dir: &Path) -> Users {
        Users::open(state_dir, Telemetry::silent())
    }

    /// Goal: somebody and nobody are looked up alike, and nobody's salt outlives a restart.
    #[tokio::test]
    async fn accounts() {
        let folder = tempfile::tempdir().unwrap();
        Store::new(folder.path()).add("jo", &verifier("x"), false).unwrap();
        let users = open(folder.path());
        let jo = users.account("jo").await.unwrap();
        assert!(jo.is_real && jo.verifier.holds("x"));
        let nobody = users.account("nobody").await.unwrap();
        assert!(!nobody.is_real && !nobody.verifier.holds("x"));
        assert_eq!(nobody.verifier.iterations(), jo.verifier.iterations());
        let again = open(folder.path()).account("nobody").await.unwrap();
        assert_eq!(again.verifier, nobody.verifier);
        let elsewhere = tempfile::tempdir().unwrap();
        assert_ne!(open(elsewhere.path()).account("nobody").await.unwrap().verifier, nobody.verifier);
    }

    /// Goal: a whole exchange with passwords checked on another thread.
    #[tokio::test]
    async fn passwords_are_checked() {
        let folder = tempfile::tempdir().unwrap();
        Store::new(folder.path()).add("jo", &verifier("secret"), false).unwrap();
        let users = open(folder.path());
        for (password, is_right) in [("secret", true), ("wrong", false)] {
            let initial = STANDARD.encode(format!("\0Jo\0{password}"));
            let (mut exchange, step) =
                Exchange::begin(Mechanism::Plain, Some(initial.as_bytes()), &nonce().unwrap());
            let Step::LookUp(name) = step else { panic!("{step:?}") };
            let step = exchange.found(users.account(&name).await.unwrap());
            let Step::Check(check) = step else { panic!("{step:?}") };
            let step = exchange.checked(users.holds(check).await.unwrap());
            assert_eq!(matches!(step, Step::Done(name) if name == "jo"), is_right);
        }
    }

    /// Goal: a file that is no good at the start lets nobody in, and is not taken for one without users.
    #[tokio::test]
    async fn a_file_that_is_no_good() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        Store::new(folder.path()).add("jo", &verifier("x"), false).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(open(folder.path()).account("jo").await.err(), Some(Unavailable::NoUsers));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(open(folder.path()).account("jo").await.unwrap().is_real);
        fs::write(&path, "jo\n").unwrap();
        assert_eq!(open(folder.path()).account("jo").await.err(), Some(Unavailable::NoUsers));
        fs::remove_file(&path).unwrap();
        assert!(!open(folder.path()).account("jo").await.unwrap().is_real);
    }

    /// Goal: a damaged secret is not replaced silently, as all salts of nobody would change; mended, it counts at once.
    #[tokio::test]
    async fn a_secret_that_is_damaged_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(SECRET_FILE);
        fs::write(&path, "short\n").unwrap();
        let telemetry = Telemetry::silent();
        let mut told = telemetry.subscribe();
        let users = Users::open(folder.path(), telemetry);
        assert_eq!(users.account("jo").await.err(), Some(Unavailable::NoUsers));
        let event = told.try_recv().unwrap();
        assert!(
            matches!(&*event, Event::Notice { text, .. } if text.contains("remove it, and another is made")),
            "{event:?}"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "short\n");
        fs::remove_file(&path).unwrap();
        assert!(!users.account("jo").await.unwrap().is_real);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn nonces_differ_and_are_fit_for_scram() {
        let (a, b) = (nonce().unwrap(), nonce().unwrap());
        assert!(a != b && a.len() == 24 && a.bytes().all(|b| b.is_ascii_graphic() && b != b','));
        assert_ne!(new_verifier_salt(), new_verifier_salt());
    }

    fn new_verifier_salt() -> Vec<u8> {
        random(SALT_LEN).unwrap()
    }
}

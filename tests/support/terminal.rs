//! A terminal with an interactive shell on it, which controls jobs.

use super::{Place, eventually};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};

pub struct Terminal {
    shell: Child,
    keyboard: File,
    screen: Arc<Mutex<String>>,
}

impl Terminal {
    /// With the environment of a run of pgseal, which is `pgseal` on PATH.
    pub fn open(place: &Place) -> Terminal {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let ours = openpt(flags).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
        let theirs = OpenOptions::new()
            .read(true)
            .write(true)
            .open(name)
            .unwrap();
        let end = || theirs.try_clone().unwrap();
        place.script(
            "pgseal",
            &format!("exec {} \"$@\"", env!("CARGO_BIN_EXE_pgseal")),
        );
        let shell = Command::new("setsid")
            .args(["--ctty", "env", "--default-signal", "bash"])
            .args(["--norc", "--noprofile", "--noediting", "-i"])
            .env_clear()
            .envs(&place.env)
            .envs([("PS1", ""), ("TERM", "dumb")])
            .current_dir(&place.dir)
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap();
        drop(theirs);
        let keyboard = File::from(ours);
        let (mut from, screen) = (keyboard.try_clone().unwrap(), Arc::default());
        let shown: Arc<Mutex<String>> = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // EIO once nobody has the other end.
            while let Ok(n @ 1..) = from.read(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..n]);
                *shown.lock().unwrap() += &text;
            }
        });
        let mut terminal = Terminal {
            shell,
            keyboard,
            screen,
        };
        // Else each command would be on the screen too.
        terminal.types("stty -echo; echo the shell is here\n");
        terminal.shows("\nthe shell is here");
        terminal.clear();
        terminal
    }

    pub fn types(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
    }

    pub fn clear(&mut self) {
        self.screen.lock().unwrap().clear();
    }

    pub fn screen(&self) -> String {
        self.screen.lock().unwrap().clone()
    }

    /// Waits for it.
    #[track_caller]
    pub fn shows(&self, text: &str) {
        let seen = || self.screen().contains(text);
        let caught = std::panic::catch_unwind(|| {
            eventually(text, seen);
        });
        assert!(caught.is_ok(), "{text:?} is not on it:\n{}", self.screen());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

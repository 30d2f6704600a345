//! One command that runs in the background until we end it.

use crate::process::child::{Child, ChildExit, ExitKind, Heard, PATIENCE, Stdin, TICK, attend};
use crate::process::command::CommandSpec;
use duct::unix::HandleExt;
use std::io::Read;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

enum Event {
    Stderr(Heard),
    Exited(ExitKind),
}

/// A server of ours. Ended when it is dropped.
pub(crate) struct Service {
    spec: CommandSpec,
    child: Child,
    rx: Receiver<Event>,
    heard: Option<Heard>,
    end: Option<ExitKind>,
    asked: bool,
}

impl Service {
    /// Starts it with nothing to read; what it writes to standard output is not kept.
    pub(crate) fn start(spec: &CommandSpec) -> std::io::Result<Service> {
        let (mut out_reader, out_writer) = std::io::pipe()?;
        let (err_reader, err_writer) = std::io::pipe()?;
        let child = Child::start(spec, Stdin::Null, out_writer, err_writer)?;
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(1..) = out_reader.read(&mut buffer) {}
        });
        let (tx, rx): (Sender<Event>, _) = channel();
        let err_tx = tx.clone();
        attend(
            &child,
            (err_reader, spec),
            move |heard| {
                let _ = err_tx.send(Event::Stderr(heard));
            },
            move |end| {
                let _ = tx.send(Event::Exited(end));
            },
        );
        Ok(Service {
            spec: spec.clone(),
            child,
            rx,
            heard: None,
            end: None,
            asked: false,
        })
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ChildExit> {
        self.listen();
        let end = self.end.clone()?;
        let since = Instant::now();
        // What it said last comes just behind its end.
        while self.heard.is_none() && since.elapsed() < PATIENCE {
            std::thread::sleep(TICK);
            self.listen();
        }
        Some(ChildExit {
            spec: self.spec.clone(),
            end,
            stopped: self.asked,
            status: Vec::new(),
            stderr: self
                .heard
                .as_ref()
                .map_or(String::new(), |h| h.stderr.clone()),
        })
    }

    fn listen(&mut self) {
        while let Ok(event) = self.rx.try_recv() {
            match event {
                Event::Stderr(heard) => self.heard = Some(heard),
                Event::Exited(end) => self.end = Some(end),
            }
        }
    }

    /// What sends it a signal from another thread.
    pub(crate) fn signaller(&self) -> impl Fn(i32) + Send + Sync + use<> {
        let handle = Arc::clone(&self.child.handle);
        move |signal| {
            let _ = handle.send_signal(signal);
        }
    }

    /// Asks it by these signals, the next one after some patience; then kills it.
    pub(crate) fn stop(&mut self, signals: &[i32]) {
        self.asked = true;
        for signal in signals {
            let _ = self.child.handle.send_signal(*signal);
            if self.gone() {
                return;
            }
        }
        let _ = self.child.handle.kill();
        self.gone();
    }

    fn gone(&mut self) -> bool {
        let since = Instant::now();
        loop {
            self.listen();
            if self.end.is_some() || since.elapsed() > PATIENCE {
                return self.end.is_some();
            }
            std::thread::sleep(TICK / 4);
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if self.end.is_none() {
            self.stop(&[]);
        }
    }
}

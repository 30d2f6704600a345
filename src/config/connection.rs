//! How the database is reached: by the flag, PGSEAL_DBNAME or the config file, whole; or by libpq's
//! own variables where none of them is set.

use crate::base::env::Env;
use crate::base::error::{Code, Error, Result};
use crate::base::hint::{Hint, Hints};
use crate::base::text::shell_word;
use crate::config::file::File;
use crate::config::flags::Settings;
use crate::pg::conninfo::ConnInfo;
use crate::pg::container::{self, Container, Engine};
use crate::pg::surroundings::{self, Surroundings};

/// The variable that stands for --dbname.
const VARIABLE: &str = "PGSEAL_DBNAME";

/// Where a connection string was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Flag,
    Variable,
    /// As errors call the file.
    File(String),
}

impl Source {
    fn told(&self) -> String {
        match self {
            Source::Flag => "--dbname".into(),
            Source::Variable => VARIABLE.into(),
            Source::File(file) => format!("the dbname of {file}"),
        }
    }

    /// How one sets it to this text.
    fn set_to(&self, text: &str) -> String {
        match self {
            Source::Flag => shell_word(&format!("--dbname={text}")),
            Source::Variable => format!("{VARIABLE}={}", shell_word(text)),
            // JSON's quotes are TOML's too.
            Source::File(file) => format!("dbname = {} in {file}", serde_json::json!(text)),
        }
    }
}

/// A connection string that is set, and what is left of the environment beside it.
#[derive(Debug, Clone)]
pub(crate) struct Whole {
    pub conninfo: Option<ConnInfo>,
    pub env: Env,
    /// Variables of the environment that say otherwise, for a warning.
    pub passed_over: Vec<String>,
    /// What of it was refused. A wrong flag is an error of its own.
    pub refused: Result<()>,
}

pub(crate) fn connection(settings: &Settings, env: &Env, file: &File) -> Result<Whole> {
    let by_variable = || Some((env.value(VARIABLE)?.to_string_lossy(), Source::Variable));
    let by_file = || {
        let text = file.postgres.dbname.as_deref()?;
        Some((text.into(), Source::File(file.shown.clone())))
    };
    let by_flag = settings.dbname.as_deref();
    let named = by_flag
        .map(|text| (text.into(), Source::Flag))
        .or_else(by_variable)
        .or_else(by_file);
    let Some((text, source)) = named else {
        return Ok(Whole {
            conninfo: None,
            env: env.clone(),
            passed_over: Vec::new(),
            refused: Ok(()),
        });
    };
    let whole = |conninfo, passed_over, refused| Whole {
        conninfo,
        env: env.without(|variable| !surroundings::stays(variable)),
        passed_over,
        refused,
    };
    let info = match (ConnInfo::parse(&text), &source) {
        (Ok(info), _) => info,
        (Err(refused), Source::Flag) => {
            return Err(Error::new(Code::Usage, refused.why).hint(refused.hint));
        }
        (Err(refused), source) => {
            let what = format!("{}: {}", source.told(), refused.why);
            let error = Error::new(Code::Setting, what).hint(refused.hint);
            return Ok(whole(None, Vec::new(), Err(error)));
        }
    };
    let found = surroundings::look(&info, &source.told(), env);
    let refused = open(&info, &source, &found);
    Ok(whole(Some(info), found.passed_over, refused))
}

/// The container that is named, if any: one in which this connection means what it means here.
pub(crate) fn container(
    settings: &Settings,
    file: &File,
    env: &Env,
    info: Option<&ConnInfo>,
) -> Result<Option<Container>> {
    let ours = &file.postgres;
    let in_file = |why: String| Error::new(Code::Setting, format!("{}: {why}", file.shown));
    let name = match (&settings.container, &ours.container) {
        (Some(name), _) => name.clone(),
        (None, Some(name)) => container::name(name).map_err(in_file)?,
        (None, None) => return Ok(None),
    };
    let engine = ours.container_engine.as_deref().map(|named| {
        let known = Engine::ALL
            .into_iter()
            .find(|engine| engine.name() == named);
        known.ok_or_else(|| {
            in_file(format!(
                "container_engine = {named:?} is neither docker nor podman nor kubectl"
            ))
        })
    });
    let user = ours.container_user.as_deref();
    let container = Container::new(engine.transpose()?, &name, user, env)?;
    container.check(env, info)?;
    Ok(Some(container))
}

/// Refuses where a variable says what the connection string leaves open: nobody knows which is meant.
fn open(info: &ConnInfo, source: &Source, found: &Surroundings) -> Result<()> {
    if let Some(role) = &found.role {
        let what = format!(
            "{} says as whom to connect, and PGOPTIONS sets `{role}`",
            source.told()
        );
        return Err(Error::new(Code::Setting, what).hint(
            "Take it out of PGOPTIONS: name the role as `user`, or as a superuser ALTER ROLE … SET role.",
        ));
    }
    if found.open.is_empty() {
        return Ok(());
    }
    let open = || found.open.iter();
    let keywords: Vec<&str> = open().map(|open| open.keyword).collect();
    let variables: Vec<&str> = open().map(|open| open.variable).collect();
    let set = open().map(|open| format!("{}={}", open.variable, open.value));
    let set: Vec<String> = set.collect();
    let more = open().map(|open| (open.keyword, open.value.clone()));
    let more: Vec<(&str, String)> = more.collect();
    let what = format!(
        "{} leaves {} open, and the environment has {}: which connection is meant?",
        source.told(),
        keywords.join(", "),
        set.join(" ")
    );
    let whole = source.set_to(&info.with(&more));
    Err(Error::new(Code::Setting, what).hint(
        Hints::from(Hint::run(format!("unset {}", variables.join(" ")))).then(format!(
            "Or, if that is what is meant, write it whole: {whole}"
        )),
    ))
}

//! The two forms of a connection string, taken apart into keywords and values as libpq does.

/// `key = value`, the value bare or in single quotes, `\` escaping the next character: libpq's
/// conninfo_parse.
pub(crate) fn keyword_pairs(text: &str) -> Result<Vec<(String, String)>, &'static str> {
    let mut pairs = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_ascii_whitespace()).is_some() {}
        if chars.peek().is_none() {
            return Ok(pairs);
        }
        let mut key = String::new();
        while let Some(c) = chars.next_if(|c| *c != '=' && !c.is_ascii_whitespace()) {
            key.push(c);
        }
        while chars.next_if(|c| c.is_ascii_whitespace()).is_some() {}
        if key.is_empty() || chars.next() != Some('=') {
            return Err("has a keyword without `=`");
        }
        while chars.next_if(|c| c.is_ascii_whitespace()).is_some() {}
        let quoted = chars.next_if_eq(&'\'').is_some();
        let mut value = String::new();
        loop {
            match chars.next() {
                None if quoted => return Err("has an open quote"),
                None => break,
                Some('\\') => value.extend(chars.next()),
                Some('\'') if quoted => break,
                Some(c) if !quoted && c.is_ascii_whitespace() => break,
                Some(c) => value.push(c),
            }
        }
        pairs.push((key, value));
    }
}

/// What stands behind the scheme of a URI, as libpq reads it.
pub(crate) fn uri_pairs(rest: &str) -> Result<Vec<(String, String)>, &'static str> {
    // libpq takes all before the first `@` as user and password, a `?` included, unless a `/`
    // comes first: so must we, or a password would slip by.
    let mut pairs = Vec::new();
    let rest = match rest.find(['@', '/']) {
        Some(at) if rest[at..].starts_with('@') => {
            let (user, password) = rest[..at].split_once(':').unzip();
            if password.is_some() {
                pairs.push(("password".into(), String::new()));
            }
            let user = user.unwrap_or(&rest[..at]);
            if !user.is_empty() {
                pairs.push(("user".into(), decoded(user)?));
            }
            &rest[at + 1..]
        }
        _ => rest,
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (hosts, dbname) = rest.split_once('/').unwrap_or((rest, ""));
    let (mut names, mut ports) = (Vec::new(), Vec::new());
    for host in hosts.split(',') {
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.contains(']') => (name, port),
            _ => (host, ""),
        };
        names.push(decoded(name.trim_start_matches('[').trim_end_matches(']'))?);
        ports.push(port.to_string());
    }
    for (key, values) in [("host", names), ("port", ports)] {
        if values.iter().any(|v| !v.is_empty()) {
            pairs.push((key.into(), values.join(",")));
        }
    }
    if !dbname.is_empty() {
        pairs.push(("dbname".into(), decoded(dbname)?));
    }
    for item in query.split('&').filter(|item| !item.is_empty()) {
        let (key, value) = item
            .split_once('=')
            .ok_or("has a parameter without a value")?;
        // JDBC's spelling, which libpq translates.
        let (key, value) = match (decoded(key)?, decoded(value)?) {
            (key, value) if key == "ssl" && value == "true" => ("sslmode".into(), "require".into()),
            pair => pair,
        };
        pairs.push((key, value));
    }
    Ok(pairs)
}

fn decoded(text: &str) -> Result<String, &'static str> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first != b'%' {
            bytes.push(*first);
            rest = after;
            continue;
        }
        let byte = after.get(..2).and_then(|digits| hex::decode(digits).ok());
        match byte.as_deref() {
            Some([byte]) if *byte != 0 => bytes.push(*byte),
            _ => return Err("has a bad percent-encoding"),
        }
        rest = &after[2..];
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8")
}

//! Settings: which source is stronger, what is refused, and with which words and exit code.

use std::{fs, path::PathBuf, process::Command};

use causeway::{
    cli::{
        certs::SecureFolder,
        plan::{Plan, PlanError},
        settings::{Flags, KEYS, Loaded, Settings, SettingsError},
    },
    id::NodeId,
    tls::Validity,
};

fn environment(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

/// A folder that lives as long as its file is needed.
fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("causeway.toml");
    fs::write(&path, text).expect("writable");
    (folder, path)
}

fn source(loaded: &Loaded, key: &str) -> String {
    loaded.rows().into_iter().find(|row| row.key == key).expect("a key of the table").source
}

#[test]
fn flags_beat_variables_beat_the_file_beat_defaults() {
    let (_folder, path) = file("shard_count = 1\ncausal_wait_ms = 10\ndrift_ms = 11\nview = [\"a:1\", \"b:1\"]\n");
    let flags = Flags { shard_count: Some("3".to_owned()), ..Flags::default() };
    let variables =
        environment(&[("SHARD_COUNT", "2"), ("CAUSEWAY_CAUSAL_WAIT_MS", "0"), ("UNRELATED", "x"), ("HOP_LIMIT", "9")]);
    let loaded = Loaded::load(&flags, Some(&path), variables).expect("legal settings");
    assert_eq!(loaded.settings.shard_count, Some(3));
    assert_eq!(loaded.settings.causal_wait_ms, 0);
    assert_eq!(loaded.settings.drift_ms, 11);
    assert_eq!(loaded.settings.view.0, ["a:1", "b:1"]);
    assert_eq!(loaded.settings.hop_limit, Settings::default().hop_limit, "only some variables have a bare name");
    assert_eq!(source(&loaded, "shard_count"), "flag --shard-count");
    assert_eq!(source(&loaded, "causal_wait_ms"), "variable CAUSEWAY_CAUSAL_WAIT_MS");
    assert_eq!(source(&loaded, "drift_ms"), format!("file {}", path.display()));
    assert_eq!(source(&loaded, "hop_limit"), "default");
    let keys: Vec<&str> = loaded.rows().into_iter().map(|row| row.key).collect();
    assert_eq!(keys, KEYS);
}

#[test]
fn an_empty_variable_is_an_absent_one() {
    let loaded = Loaded::load(&Flags::default(), None, environment(&[("SHARD_COUNT", "")])).expect("legal settings");
    assert_eq!(loaded.settings.shard_count, None);
}

#[test]
fn what_is_unknown_or_unfit_is_refused_by_name() {
    let load = |pairs: &[(&str, &str)]| Loaded::load(&Flags::default(), None, environment(pairs)).expect_err("refused");
    let unknown = load(&[("CAUSEWAY_SHARDS", "2")]);
    assert!(matches!(&unknown, SettingsError::UnknownVariable(name) if name == "CAUSEWAY_SHARDS"), "{unknown}");
    let twice = load(&[("SHARD_COUNT", "2"), ("CAUSEWAY_SHARD_COUNT", "2")]);
    assert!(matches!(&twice, SettingsError::TwoVariables(name) if name == "SHARD_COUNT"), "{twice}");
    let no_number = load(&[("SHARD_COUNT", "two")]).to_string();
    assert!(no_number.contains("two") && no_number.contains("SHARD_COUNT"), "{no_number}");
    let too_large = load(&[("SHARD_COUNT", "65536")]).to_string();
    assert!(too_large.contains("SHARD_COUNT"), "{too_large}");

    let (_folder, path) = file("shards = 2\n");
    let unknown = Loaded::load(&Flags::default(), Some(&path), []).expect_err("refused");
    assert!(matches!(&unknown, SettingsError::UnknownKey { key, .. } if key == "shards"), "{unknown}");
    let (_folder, path) = file("[server]\nport = 2\n");
    let unknown = Loaded::load(&Flags::default(), Some(&path), []).expect_err("refused");
    assert!(matches!(&unknown, SettingsError::UnknownKey { key, .. } if key == "server"), "{unknown}");
    let absent = path.with_file_name("absent.toml");
    assert!(Loaded::load(&Flags::default(), Some(&absent), []).is_err(), "a file that was asked for must be there");
}

fn six_nodes() -> Settings {
    let variables = environment(&[
        ("SOCKET_ADDRESS", "127.0.0.1:8093"),
        ("VIEW", "127.0.0.1:8095,127.0.0.1:8090, 127.0.0.1:8091,127.0.0.1:8092,127.0.0.1:8093,127.0.0.1:8094"),
        ("SHARD_COUNT", "2"),
    ]);
    Loaded::load(&Flags::default(), None, variables).expect("legal settings").settings
}

#[test]
fn the_three_variables_are_enough() {
    let plan = Plan::new(&six_nodes()).expect("a right start");
    assert_eq!(plan.address, "127.0.0.1:8093");
    let first = plan.first.expect("it may found a cluster");
    assert_eq!(first.by_address("127.0.0.1:8093").map(|member| member.node), Some(NodeId(3)));
    assert_eq!(plan.client_listen, "127.0.0.1:8093");
    assert_eq!(plan.peer_listen, "127.0.0.1:18093");
    assert_eq!(plan.data_dir, PathBuf::from("causeway-data/127.0.0.1:8093"));
}

#[test]
fn listening_elsewhere_changes_no_identity() {
    let settings = Settings {
        bind_address: Some("0.0.0.0".to_owned()),
        peer_addresses: causeway::cli::list::List(vec!["127.0.0.1:8090=10.0.0.9:7000".to_owned()]),
        ..six_nodes()
    };
    let plan = Plan::new(&settings).expect("a right start");
    assert_eq!(plan.client_listen, "0.0.0.0:8093");
    assert_eq!(plan.peer_listen, "0.0.0.0:18093");
    assert_eq!(plan.address, "127.0.0.1:8093");
    assert_eq!(plan.peer_addresses["127.0.0.1:8090"], "10.0.0.9:7000");
}

#[test]
fn without_a_shard_count_a_node_of_many_founds_nothing() {
    let plan = Plan::new(&Settings { shard_count: None, ..six_nodes() }).expect("a right start");
    assert_eq!((plan.first, plan.view.len()), (None, 6));
}

#[test]
fn a_leader_of_the_config_log_must_be_heard_before_the_next_election() {
    let plan = Plan::new(&six_nodes()).expect("a right start");
    let defaults = (plan.config_log.heartbeat_ms, plan.config_log.election_min_ms, plan.config_log.election_max_ms);
    for (heartbeat_ms, election_min_ms, election_max_ms) in
        [(0, defaults.1, defaults.2), (defaults.1, defaults.1, defaults.2), (defaults.0, defaults.2, defaults.2)]
    {
        let settings = Settings {
            config_log_heartbeat_ms: heartbeat_ms,
            config_log_election_min_ms: election_min_ms,
            config_log_election_max_ms: election_max_ms,
            ..six_nodes()
        };
        let refused = Plan::new(&settings).expect_err("a wrong start").to_string();
        assert!(refused.contains("CONFIG_LOG_HEARTBEAT_MS"), "{refused}");
    }
}

#[test]
fn each_wrong_start_is_told() {
    let refused = |settings: Settings| Plan::new(&settings).expect_err("a wrong start").to_string();
    let base = six_nodes;
    assert!(refused(Settings { socket_address: None, ..base() }).contains("SOCKET_ADDRESS"));
    assert!(refused(Settings { view: Default::default(), ..base() }).contains("VIEW"));
    assert!(refused(Settings { socket_address: Some("127.0.0.1:8099".to_owned()), ..base() }).contains("127.0.0.1:8099"));
    assert!(refused(Settings { socket_address: Some("127.0.0.1".to_owned()), ..base() }).contains("HOST:PORT"));
    assert!(refused(Settings { shard_count: Some(4), ..base() }).contains("8 nodes"));
    assert!(refused(Settings { shard_count: Some(0), ..base() }).contains("SHARD_COUNT"));
    assert!(refused(Settings { fsync: "sometimes".to_owned(), ..base() }).contains("sometimes"));
    assert!(refused(Settings { idle_interval_ms: 0, ..base() }).contains("IDLE_INTERVAL_MS"));
    assert!(refused(Settings { down_after_ms: 400, ..base() }).contains("DOWN_AFTER_MS"));
    assert!(refused(Settings { drain_ms: 9_000, ..base() }).contains("DRAIN_MS (9000) must be below STOP_TIMEOUT_MS (9000)"));
    assert!(refused(Settings { bind_address: Some("a b".to_owned()), ..base() }).contains("BIND_ADDRESS"));
    let absent = Some(PathBuf::from("/nowhere/keys"));
    assert!(matches!(Plan::new(&Settings { token_key_file: absent, ..base() }), Err(PlanError::KeyFile { .. })));
    for unfit in ["127.0.0.1:8090", "127.0.0.1:8090=x", "127.0.0.1=x:1"] {
        let peer_addresses = causeway::cli::list::List(vec![unfit.to_owned()]);
        assert!(refused(Settings { peer_addresses, ..base() }).contains("PEER_ADDRESSES"));
    }
}

#[test]
fn one_shard_may_have_one_node() {
    let variables = environment(&[("SOCKET_ADDRESS", "localhost:8090"), ("VIEW", "localhost:8090")]);
    let settings = Loaded::load(&Flags::default(), None, variables).expect("legal settings").settings;
    assert_eq!(Plan::new(&settings).expect("a right start").first.map(|first| first.shards().count()), Some(1));
}

/// The binary itself, with nothing in its environment but this.
fn run(arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_causeway"))
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .expect("the binary runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn config_print_names_every_source() {
    let (code, output, errors) = run(&["config", "print", "--hop-limit", "5"], &[("SHARD_COUNT", "2")]);
    assert_eq!(code, Some(0), "{errors}");
    let line = |key: &str| output.lines().find(|line| line.split(' ').next() == Some(key)).unwrap_or_default().to_owned();
    assert!(line("shard_count").contains("= 2 ") && line("shard_count").ends_with("# variable SHARD_COUNT"), "{output}");
    assert!(line("hop_limit").contains("= 5 ") && line("hop_limit").ends_with("# flag --hop-limit"), "{output}");
    assert!(line("drift_ms").ends_with("# default"), "{output}");
    assert_eq!(output.lines().count(), KEYS.len());
}

#[test]
fn a_wrong_start_ends_with_2_and_says_why() {
    let three = [("SOCKET_ADDRESS", "127.0.0.1:1"), ("VIEW", "127.0.0.1:1,127.0.0.1:2,127.0.0.1:3")];
    for (arguments, more, told) in [
        (&["serve"][..], Some(("SHARD_COUNT", "2")), "2 shards need at least 4 nodes"),
        (&[][..], Some(("SHARD_COUNT", "2")), "2 shards need at least 4 nodes"),
        (&["serve"][..], Some(("CAUSEWAY_NONSENSE", "1")), "unknown variable CAUSEWAY_NONSENSE"),
        (&["serve", "--nonsense"][..], None, "--nonsense"),
    ] {
        let variables: Vec<(&str, &str)> = three.into_iter().chain(more).collect();
        let (code, _, errors) = run(arguments, &variables);
        assert_eq!(code, Some(2), "{errors}");
        assert!(errors.contains(told), "{errors}");
    }
    let (code, _, errors) = run(&[], &[]);
    assert_eq!(code, Some(2), "{errors}");
    assert!(errors.contains("SOCKET_ADDRESS") && errors.contains("Usage"), "{errors}");
}

/// A folder with all that six secure nodes need.
fn secure_folder() -> (tempfile::TempDir, SecureFolder) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let secure = SecureFolder::at(folder.path().to_owned());
    secure.make(&six_nodes().view.0, &[], Validity::long()).expect("made");
    (folder, secure)
}

fn secure_node(secure: &SecureFolder, node: &str) -> Settings {
    let [tls_ca_file, tls_cert_file, tls_key_file, client_tokens_file, token_key_file] =
        secure.settings(node).map(|(_, path)| Some(path));
    Settings { tls_ca_file, tls_cert_file, tls_key_file, client_tokens_file, token_key_file, ..six_nodes() }
}

#[test]
fn security_is_whole_or_not_at_all() {
    let (_folder, secure) = secure_folder();
    let whole = secure_node(&secure, "127.0.0.1:8093");
    let security = Plan::new(&whole).expect("a right start").security.expect("it is secure");
    assert_eq!(security.admin_listen, "127.0.0.1:28093");
    assert!(Plan::new(&six_nodes()).expect("a right start").security.is_none());

    let refused = |settings: Settings| Plan::new(&settings).expect_err("a wrong start").to_string();
    for (missing, settings) in [
        ("TLS_CA_FILE", Settings { tls_ca_file: None, ..whole.clone() }),
        ("TLS_CERT_FILE", Settings { tls_cert_file: None, ..whole.clone() }),
        ("TLS_KEY_FILE", Settings { tls_key_file: None, ..whole.clone() }),
        ("CLIENT_TOKENS_FILE", Settings { client_tokens_file: None, ..whole.clone() }),
        ("TOKEN_KEY_FILE", Settings { token_key_file: None, ..whole.clone() }),
    ] {
        let told = refused(settings);
        assert!(told.contains(&format!("needs {missing};")), "{told}");
    }
    let by_flag = refused(Settings { secure: true, ..six_nodes() });
    assert!(by_flag.starts_with("--secure asks") && by_flag.contains("TLS_CA_FILE, TLS_CERT_FILE"), "{by_flag}");
    let by_address = refused(Settings { admin_listen: Some("127.0.0.1:1".to_owned()), ..six_nodes() });
    assert!(by_address.starts_with("ADMIN_LISTEN asks"), "{by_address}");
}

#[test]
fn each_wrong_file_is_told_and_not_shown() {
    let (folder, secure) = secure_folder();
    let whole = secure_node(&secure, "127.0.0.1:8093");
    let other = secure_node(&secure, "127.0.0.1:8090");
    let odd = folder.path().join("odd");
    fs::write(&odd, "s3cret").expect("writable");
    let odd = Some(odd);
    for (told, settings) in [
        ("does not name 127.0.0.1:8093", other.clone()),
        ("TLS: ", Settings { tls_key_file: other.tls_key_file.clone(), ..whole.clone() }),
        ("no certificate", Settings { tls_ca_file: odd.clone(), ..whole.clone() }),
        ("no certificate", Settings { tls_cert_file: odd.clone(), ..whole.clone() }),
        ("no private key", Settings { tls_key_file: odd.clone(), ..whole.clone() }),
        ("CLIENT_TOKENS_FILE", Settings { client_tokens_file: odd.clone(), ..whole.clone() }),
        ("TOKEN_KEY_FILE", Settings { token_key_file: odd, ..whole.clone() }),
        ("/nowhere", Settings { tls_key_file: Some(PathBuf::from("/nowhere")), ..whole.clone() }),
        ("ADMIN_LISTEN", Settings { admin_listen: Some("localhost".to_owned()), ..whole.clone() }),
    ] {
        let refused = Plan::new(&settings).expect_err("a wrong start").to_string();
        assert!(refused.contains(told) && !refused.contains("s3cret"), "{refused}");
    }
}

#[test]
fn config_print_shows_where_secrets_are_and_none_of_them() {
    let (folder, secure) = secure_folder();
    let settings = secure.settings("127.0.0.1:8093");
    let variables: Vec<(&str, &str)> =
        settings.iter().map(|(name, path)| (*name, path.to_str().expect("a plain path"))).collect();
    let (code, output, errors) = run(&["config", "print", "--secure"], &variables);
    assert_eq!(code, Some(0), "{errors}");
    let secure_line = output.lines().find(|line| line.starts_with("secure ")).expect("a line of this key");
    assert!(secure_line.contains("= true ") && secure_line.ends_with("# flag --secure"), "{secure_line}");
    for (name, path) in &settings {
        assert!(output.contains(path.to_str().expect("a plain path")), "{name} is not in {output}");
    }
    for entry in fs::read_dir(folder.path()).expect("readable") {
        let text = fs::read_to_string(entry.expect("an entry").path()).expect("text");
        for line in text.lines().filter(|line| line.len() > 20) {
            assert!(!output.contains(line), "{line} is shown");
        }
    }
}

#[test]
fn a_node_that_is_asked_for_half_a_lock_ends_with_2() {
    let three = [("SOCKET_ADDRESS", "127.0.0.1:1"), ("VIEW", "127.0.0.1:1"), ("SHARD_COUNT", "1")];
    let (code, _, errors) = run(&["serve", "--secure"], &three);
    assert_eq!(code, Some(2), "{errors}");
    assert!(errors.contains("TLS_CERT_FILE") && errors.contains("causeway certs"), "{errors}");
    let (code, _, errors) = run(&["get", "a", "--token-file", "/nowhere"], &[]);
    assert_eq!(code, Some(2), "{errors}");
    assert!(errors.contains("--ca"), "{errors}");
}

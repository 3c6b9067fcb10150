//! The flags that make a configuration, alone or on top of a file.

use std::{env, ffi::OsString, path::PathBuf};

use clap::{Args, ValueEnum};

use crate::settings::{Flags, Sources};

/// Names the configuration file if `--config` does not.
const CONFIG_VARIABLE: &str = "COUNTERSIGN_CONFIG";

/// Where the configuration comes from.
#[derive(Debug, Clone, Default, Args)]
pub struct ConfigArgs {
    /// Configuration file, .toml, .yaml or .json; the variable `COUNTERSIGN_CONFIG` can name it too
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address for requests, e.g. `0.0.0.0:8080` or `unix:/run/countersign.sock`
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    /// Address for health, metrics and diagnosis, e.g. `127.0.0.1:9901`
    #[arg(long, value_name = "ADDR")]
    pub admin: Option<String>,
    /// The upstream service, e.g. `http://127.0.0.1:3000`, `h2c://…` or `unix:/…`
    #[arg(long, value_name = "URL")]
    pub upstream: Option<String>,
    /// The issuer whose tokens are accepted; its keys are discovered unless named
    #[arg(long, value_name = "URL")]
    pub issuer: Option<String>,
    /// An audience that tokens must be made for (repeatable); `any` alone accepts every audience
    #[arg(long, value_name = "A")]
    pub audience: Vec<String>,
    /// Where the issuer publishes its keys
    #[arg(long, value_name = "URL", conflicts_with = "jwks_file")]
    pub jwks_url: Option<String>,
    /// A file with the issuer's keys
    #[arg(long, value_name = "PATH")]
    pub jwks_file: Option<String>,
    /// A verified claim to forward as a header, e.g. `x-auth-subject=sub` (repeatable)
    #[arg(long, value_name = "NAME=CLAIM")]
    pub claim_header: Vec<String>,
    /// A path that needs no token, e.g. `/healthz` (repeatable)
    #[arg(long, value_name = "PATH")]
    pub public: Vec<String>,
    /// Threads that serve requests; 0 for one per core
    #[arg(long, value_name = "N")]
    pub workers: Option<usize>,
    /// How log lines look
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<LogFormatArg>,
}

/// The values of `--log-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormatArg {
    /// Human-readable
    Text,
    /// One JSON object a line
    Json,
}

impl ConfigArgs {
    /// The flags together with the process's environment.
    pub fn sources(&self) -> Sources {
        self.sources_with(env::vars_os())
    }

    /// The flags together with an environment.
    pub fn sources_with(
        &self,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Sources {
        // What is not UTF-8 can't be meant for us, or is reported as the odd text it becomes.
        let environment: Vec<(String, String)> = environment
            .into_iter()
            .map(|(name, value)| {
                let text = |os: OsString| os.to_string_lossy().into_owned();
                (text(name), text(value))
            })
            .collect();
        let named = environment
            .iter()
            .find(|(name, value)| name == CONFIG_VARIABLE && !value.is_empty())
            .map(|(_, value)| PathBuf::from(value));
        Sources {
            file: self.config.clone().or(named),
            environment,
            flags: self.flags(),
            ..Sources::default()
        }
    }

    fn flags(&self) -> Flags {
        Flags {
            listen: self.listen.clone(),
            admin: self.admin.clone(),
            upstream: self.upstream.clone(),
            issuer: self.issuer.clone(),
            audiences: self.audience.clone(),
            jwks_url: self.jwks_url.clone(),
            jwks_file: self.jwks_file.clone(),
            claim_headers: self.claim_header.clone(),
            public: self.public.clone(),
            workers: self.workers,
            log_format: self.log_format.map(|format| match format {
                LogFormatArg::Text => "text".to_owned(),
                LogFormatArg::Json => "json".to_owned(),
            }),
        }
    }
}

//! A tenant's chain as it is shown: by `gatepost check`, and in the answer to a change of it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{SmokeFigures, SmokeWarning, Tenant};

/// A chain that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChainView {
    /// Whose it is.
    pub name: String,
    /// Its revision; of `gatepost check`, the one that it is or would become.
    pub revision: u64,
    /// As it is written, in canonical form.
    pub chain: String,
    /// Its stages, head first.
    pub stages: Vec<StageView>,
    /// Who is asked about recipients.
    pub recipients: Vec<CheckView>,
    /// Its sinks.
    pub sinks: Vec<String>,
    /// Stages that failed on the smoke corpus.
    pub warnings: Vec<SmokeWarning>,
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StageView {
    /// Its label.
    pub name: String,
    /// Which processor; of a component with version and hash.
    pub processor: String,
    /// What it takes.
    pub takes: String,
    /// What it gives.
    pub gives: String,
    /// What the smoke corpus showed of it; none: it is built in.
    pub smoke: Option<SmokeFigures>,
}

/// One checker of recipients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckView {
    /// Its label.
    pub name: String,
    /// Which processor.
    pub processor: String,
}

impl ChainView {
    /// Of a tenant.
    pub fn of(tenant: &Tenant) -> Self {
        let stages = tenant.line_up.stages.iter().map(|stage| StageView {
            name: stage.label.clone(),
            processor: stage.processor.id().to_owned(),
            takes: stage.processor.takes().to_string(),
            gives: stage.processor.gives().to_string(),
            smoke: tenant.smoke.figures.iter().find(|figures| figures.stage == stage.label).cloned(),
        });
        let checks = tenant
            .checks
            .iter()
            .map(|check| CheckView { name: check.label.clone(), processor: check.check.id().to_owned() });
        Self {
            name: tenant.name.clone(),
            revision: tenant.revision,
            chain: tenant.spec.to_string(),
            stages: stages.collect(),
            recipients: checks.collect(),
            sinks: tenant.line_up.sinks.iter().map(|(label, _)| label.clone()).collect(),
            warnings: tenant.smoke.warnings.clone(),
        }
    }
}

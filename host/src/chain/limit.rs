//! The limits that a stage can run into, by the names that logs and metrics have for them.

/// A limit that a stage ran into, whether it failed it or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Limit {
    /// `cpu_per_message` and `cpu_per_mib`; fails the stage.
    Cpu,
    /// `wall_per_message`; fails the stage.
    Wall,
    /// `memory_per_instance`: a page was refused.
    Memory,
    /// `table_elements_max`: an element was refused.
    Table,
    /// `guest_stack`; fails the stage.
    Stack,
    /// `output_ratio_max` and `output_base`; fails the stage.
    Output,
    /// `header_size_max`, by a header section of the stage's own making; fails the stage.
    Header,
    /// `host_calls_max`; fails the stage.
    HostCalls,
    /// `handles_max`; fails the stage.
    Handles,
    /// `log_per_message`: a record was dropped.
    Log,
    /// `facts_max`: a fact was refused.
    Facts,
    /// `kv_calls_max`: a call was answered `quota`.
    KvCalls,
    /// `kv_bytes_max`: a call was answered `quota`.
    KvBytes,
    /// `kv_size_max`, or a key or value that is too long: a call was answered `quota`.
    KvSize,
}

impl Limit {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Cpu,
        Self::Wall,
        Self::Memory,
        Self::Table,
        Self::Stack,
        Self::Output,
        Self::Header,
        Self::HostCalls,
        Self::Handles,
        Self::Log,
        Self::Facts,
        Self::KvCalls,
        Self::KvBytes,
        Self::KvSize,
    ];

    /// As it stands in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Wall => "wall",
            Self::Memory => "memory",
            Self::Table => "table",
            Self::Stack => "stack",
            Self::Output => "output",
            Self::Header => "header",
            Self::HostCalls => "host_calls",
            Self::Handles => "handles",
            Self::Log => "log",
            Self::Facts => "facts",
            Self::KvCalls => "kv_calls",
            Self::KvBytes => "kv_bytes",
            Self::KvSize => "kv_size",
        }
    }
}

/// Which limits a stage ran into.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LimitsHit(u16);

impl LimitsHit {
    /// Notes one; once is as good as often.
    pub fn note(&mut self, limit: Limit) {
        self.0 |= 1 << limit as u8;
    }

    /// Notes all that `other` has.
    pub fn join(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Their names, in the order of [`Limit::ALL`].
    pub fn names(self) -> Vec<&'static str> {
        let hit = |limit: &Limit| self.0 & (1 << *limit as u8) != 0;
        Limit::ALL.into_iter().filter(hit).map(Limit::name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_has_a_place_and_a_name_of_its_own() {
        let mut all = LimitsHit::default();
        for limit in Limit::ALL {
            let mut one = LimitsHit::default();
            assert!(one.names().is_empty());
            one.note(limit);
            one.note(limit);
            assert_eq!(one.names(), [limit.name()]);
            all.join(one);
        }
        let mut names = all.names();
        assert_eq!(names.len(), Limit::ALL.len());
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Limit::ALL.len());
    }
}

//! subject-tag

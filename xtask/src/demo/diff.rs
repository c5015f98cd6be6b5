//! What changed between two lists of lines.

/// One line of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    Same(&'a str),
    Gone(&'a str),
    New(&'a str),
}

/// Compares by the longest common subsequence: `before.len() * after.len()` steps, so for header sections only.
pub(crate) fn diff<'a>(before: &[&'a str], after: &[&'a str]) -> Vec<Line<'a>> {
    let (n, m) = (before.len(), after.len());
    // common[i][j]: length of the longest common subsequence of before[i..] and after[j..].
    let mut common = vec![vec![0_usize; m + 1]; n + 1];
    for i in (0..n).rev() {
        for j in (0..m).rev() {
            common[i][j] = if before[i] == after[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < n || j < m {
        if i < n && j < m && before[i] == after[j] {
            lines.push(Line::Same(before[i]));
            (i, j) = (i + 1, j + 1);
        } else if i < n && (j == m || common[i + 1][j] >= common[i][j + 1]) {
            lines.push(Line::Gone(before[i]));
            i += 1;
        } else {
            lines.push(Line::New(after[j]));
            j += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::Line::{Gone, New, Same};
    use super::diff;

    #[test]
    fn a_changed_line_is_gone_and_new() {
        assert_eq!(
            diff(&["a", "b", "c"], &["x", "a", "B", "c"]),
            [New("x"), Same("a"), Gone("b"), New("B"), Same("c")]
        );
        assert_eq!(diff(&[], &["a"]), [New("a")]);
        assert_eq!(diff(&["a"], &[]), [Gone("a")]);
    }
}

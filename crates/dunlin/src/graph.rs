//! A dependency graph over anything that can be ordered: a cycle comes back as its path.

use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;
use std::hash::Hash;

/// Finds a shortest cycle through the first node that is on one; each element waits for the next, the last
/// for the first. Deterministic: nodes are looked at in the order given.
pub fn find_cycle<N: Copy + Ord + Hash>(nodes: &[N], edges: &[(N, N)]) -> Option<Vec<N>> {
    let mut graph: DiGraphMap<N, ()> = DiGraphMap::new();
    for node in nodes {
        graph.add_node(*node);
    }
    for (from, to) in edges {
        graph.add_edge(*from, *to, ());
    }
    let components = tarjan_scc(&graph);
    let on_cycle = |node: &N| {
        graph.contains_edge(*node, *node)
            || components.iter().any(|component| component.len() > 1 && component.contains(node))
    };
    let start = *nodes.iter().find(|node| on_cycle(node))?;
    shortest_path_back(&graph, start)
}

/// Breadth first from `start` until an edge leads back to it.
fn shortest_path_back<N: Copy + Ord + Hash>(graph: &DiGraphMap<N, ()>, start: N) -> Option<Vec<N>> {
    let mut paths = std::collections::VecDeque::from([vec![start]]);
    let mut seen = std::collections::BTreeSet::new();
    while let Some(path) = paths.pop_front() {
        let last = *path.last()?;
        let mut next: Vec<N> = graph.neighbors(last).collect();
        next.sort();
        for node in next {
            if node == start {
                return Some(path);
            }
            if seen.insert(node) {
                let mut longer = path.clone();
                longer.push(node);
                paths.push_back(longer);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cycle_comes_back_as_its_shortest_path() {
        assert_eq!(find_cycle(&[1, 2, 3, 4], &[(1, 2), (2, 3), (3, 2), (3, 4)]), Some(vec![2, 3]));
        assert_eq!(find_cycle(&[1, 2], &[(1, 2)]), None);
        assert_eq!(find_cycle(&[1], &[(1, 1)]), Some(vec![1]));
    }
}

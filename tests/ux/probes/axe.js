// Run axe with these tags: violations by rule, and the lowest contrast it measured.
async tags => {
  const found = await axe.run(document, {runOnly: {type: 'tag', values: tags}, rules: {'target-size': {enabled: true}}});
  const ratios = [];
  for (const group of [...found.violations, ...found.passes, ...found.incomplete])
    if (group.id == 'color-contrast')
      for (const node of group.nodes) for (const check of node.any) if (check.data && check.data.contrastRatio) ratios.push(check.data.contrastRatio);
  return {
    violations: found.violations.map(v => v.id + ' ' + v.nodes.slice(0, 2).map(n => n.target.join(' ')).join(', ')),
    lowest: ratios.length ? Math.min(...ratios) : null,
  };
}

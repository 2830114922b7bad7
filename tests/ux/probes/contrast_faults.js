// How many texts lack contrast in the colours now in force.
async () => {
  const found = await axe.run(document, {runOnly: {type: 'rule', values: ['color-contrast']}});
  return found.violations.reduce((n, v) => n + v.nodes.length, 0);
}

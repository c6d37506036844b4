// Every test begins with a fresh fixture, so that its fields are its own.
[assembly: FixtureLifeCycle(LifeCycle.InstancePerTestCase)]

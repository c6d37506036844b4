using System.ComponentModel;
using Amqp.Conformance.Tests.Support;
using Amqp.Testing;

namespace Amqp.Conformance.Tests;

/// <summary>amqplib, the client of Node.js: runs <c>tests/amqplib</c> against the broker.</summary>
[Same]
public sealed class AmqplibTests : BrokerFixture
{
    private static readonly string Folder = Repository.PathOf("tests", "amqplib");

    [OneTimeSetUp]
    public async Task InstallPackages()
    {
        var lockFile = Path.Combine(Folder, "package-lock.json");
        // npm writes this file last.
        var installed = Path.Combine(Folder, "node_modules", ".package-lock.json");
        try
        {
            await Command.Run("node", ["--version"], Patience.Start);
            if (File.Exists(installed) && File.GetLastWriteTimeUtc(installed) > File.GetLastWriteTimeUtc(lockFile)) return;
            var npm = await Command.Run("npm", ["ci", "--no-audit", "--no-fund"], TimeSpan.FromMinutes(2), Folder);
            if (npm.ExitCode != 0) Assert.Ignore($"npm could not install the packages of tests/amqplib:\n{npm.Text}");
        }
        catch (Win32Exception)
        {
            Assert.Ignore("Node.js or npm is missing");
        }
    }

    [Test]
    public async Task Programs_written_for_amqplib_work()
    {
        ExpectLog("login refused: user 'guest'"); // one of them uses a wrong password
        var node = await Command.Run(
            "node", ["--test", "--test-reporter=spec"], TimeSpan.FromMinutes(1), Folder,
            new() { ["AMQP_URL"] = $"amqp://guest:guest@{Broker.Address}:{Broker.Port}" });
        Assert.That(node.ExitCode, Is.Zero, node.Text);
        Assert.That(node.Text, Does.Match(@"pass [1-9][0-9]").And.Match(@"fail 0\b"), node.Text); // they were found and run
    }
}

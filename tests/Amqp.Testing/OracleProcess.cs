using System.Diagnostics;
using System.Globalization;

namespace Amqp.Testing;

/// <summary>
/// A second RabbitMQ for tests that stop and start their broker, run by the scripts of <c>tests/oracle</c> beside the shared one.
/// </summary>
public sealed class OracleProcess : BrokerProcess
{
    private const string NodeName = "oracle-own";
    private const int OwnPort = 5713;
    private static readonly TimeSpan ScriptTime = TimeSpan.FromSeconds(150);

    private OracleProcess() => Port = OwnPort;

    public static async Task<OracleProcess> Start()
    {
        if (!File.Exists(Repository.PathOf("tests", ".tools", "oracle", ".unpacked")))
            Assert.Ignore("this test stops and starts its broker, and the oracle is not one of tests/oracle/install.sh");
        var oracle = new OracleProcess();
        await Script("start.sh");
        return oracle;
    }

    public override async Task Kill()
    {
        var pidFile = Repository.PathOf("tests", ".tools", "oracle", "run", NodeName, "pid");
        using var process = Process.GetProcessById(int.Parse(await File.ReadAllTextAsync(pidFile), CultureInfo.InvariantCulture));
        process.Kill();
        await process.WaitForExitAsync().WaitAsync(Patience.Stop);
    }

    public override async Task<int> Stop()
    {
        await Script("stop.sh");
        return 0;
    }

    public override Task Restart() => Script("start.sh", keepData: true);

    public override async ValueTask DisposeAsync() => await Script("stop.sh");

    private static async Task Script(string name, bool keepData = false)
    {
        var output = await Command.Run(
            Repository.PathOf("tests", "oracle", name), [], ScriptTime,
            environment: new()
            {
                ["AMQP_ORACLE_NAME"] = NodeName,
                ["AMQP_ORACLE_PORT"] = OwnPort.ToString(CultureInfo.InvariantCulture),
                ["AMQP_ORACLE_KEEP"] = keepData ? "1" : "",
            });
        if (output.ExitCode != 0) Assert.Fail($"tests/oracle/{name} failed:\n{output.Text}");
    }
}

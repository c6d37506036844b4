using System.Net;
using System.Text.RegularExpressions;

namespace Amqp.Testing;

/// <summary>Base of fixtures that talk to a broker: names, brokers of one's own, and the watch over what brokers log.</summary>
public abstract partial class BrokerFixture
{
    private static int _names;
    private readonly List<BrokerProcess> _own = [];

    /// <summary>The broker all tests of the assembly share.</summary>
    protected static IPEndPoint Broker => SharedBroker.Address;

    /// <summary>A name no other test uses, with the test's own in it.</summary>
    protected static string Name(string suffix = "")
    {
        var test = NotWord().Replace(TestContext.CurrentContext.Test.Name, "-");
        if (test.Length > 100) test = test[..100];
        return $"{test}.{Interlocked.Increment(ref _names)}{(suffix.Length == 0 ? "" : $".{suffix}")}";
    }

    /// <summary>A broker for this test alone, which it may stop and kill. Ended with the test.</summary>
    protected async Task<BrokerProcess> StartOwnBroker()
    {
        BrokerProcess broker = Oracle.IsUsed ? await OracleProcess.Start() : await TestBroker.Start();
        _own.Add(broker);
        return broker;
    }

    /// <summary>A broker for this test alone with options of ours, so never the oracle: for tests that are <see cref="OursAttribute"/>.</summary>
    protected async Task<TestBroker> StartOwnBroker(params string[] options)
    {
        var broker = await TestBroker.Start(options);
        _own.Add(broker);
        return broker;
    }

    /// <summary>Declares that this test makes the broker log lines that match <paramref name="pattern"/>, as warnings or errors.</summary>
    protected void ExpectLog(string pattern)
    {
        SharedBroker.Process?.Log.Expect(pattern);
        foreach (var broker in _own.OfType<TestBroker>()) broker.Log.Expect(pattern);
    }

    [TearDown]
    public async Task FailForWhatBrokersLogged()
    {
        var trouble = new List<string>();
        foreach (var broker in _own)
        {
            if (broker is TestBroker { Log: var log }) trouble.AddRange(log.TakeTrouble());
            await broker.DisposeAsync();
        }
        _own.Clear();
        if (SharedBroker.Process is { } shared)
        {
            trouble.AddRange(shared.Log.TakeTrouble());
            shared.Log.EndTest();
            if (shared.HasExited) trouble.Add("The shared broker's process has ended.");
        }
        Assert.That(trouble, Is.Empty, "warnings and errors of the broker that no ExpectLog declared");
    }

    [GeneratedRegex("[^A-Za-z0-9_]+", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex NotWord();
}

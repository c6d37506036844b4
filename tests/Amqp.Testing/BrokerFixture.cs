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

    /// <summary>The same, ended with the test as well, for a broker that the test started in its own way.</summary>
    protected TestBroker Own(TestBroker broker)
    {
        _own.Add(broker);
        return broker;
    }

    /// <summary>
    /// Declares that this test makes the broker log a warning or an error that matches <paramref name="pattern"/>: it must come.
    /// </summary>
    /// <param name="broker">The broker that logs, if it is one of the test's own.</param>
    protected static void ExpectLog(string pattern, BrokerProcess? broker = null)
    {
        if (broker is null) SharedBroker.Process?.Log.Expect(pattern);
        else (broker as TestBroker)?.Log.Expect(pattern);
    }

    /// <summary>Declares that a broker may log such a warning or error, where chance decides whether it does.</summary>
    protected static void AllowLog(string pattern, BrokerProcess broker) => (broker as TestBroker)?.Log.Allow(pattern);

    [TearDown]
    public async Task FailForWhatBrokersLogged()
    {
        var trouble = new List<string>();
        try
        {
            foreach (var broker in _own.OfType<TestBroker>())
            {
                await Eventually.That(broker.Log.Missing, Is.Empty, expression: "what the broker should have logged");
                trouble.AddRange(broker.Log.TakeTrouble());
            }
        }
        finally
        {
            foreach (var broker in _own) await broker.DisposeAsync();
            _own.Clear();
        }
        if (SharedBroker.Process is { } shared)
        {
            try
            {
                await Eventually.That(shared.Log.Missing, Is.Empty, expression: "what the broker should have logged");
            }
            finally
            {
                trouble.AddRange(shared.Log.TakeTrouble());
                shared.Log.EndTest();
            }
            if (shared.HasExited) trouble.Add("The shared broker's process has ended.");
        }
        Assert.That(trouble, Is.Empty, "warnings and errors of the broker that no ExpectLog declared");
    }

    [GeneratedRegex("[^A-Za-z0-9_]+", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex NotWord();
}

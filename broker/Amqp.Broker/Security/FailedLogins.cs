using System.Collections.Concurrent;
using Amqp.Broker.Loops;
using Amqp.Core;

namespace Amqp.Broker.Security;

/// <summary>Whose failed logins are counted together.</summary>
/// <param name="User">Null for all names that no user has: else a client that makes up names could fill the memory with them.</param>
internal readonly record struct LoginKey(string Address, string? User);

/// <summary>
/// Slows down guessing of passwords: a user has <see cref="Limits.FailedLoginsPerMinute"/> failed logins from an address to spend,
/// and gets them back in the course of a minute. While they are spent, logins of that user from there are refused unseen; the same
/// user is let in from other addresses, and other users from that one.
/// </summary>
internal sealed class FailedLogins(int perMinute, BrokerClock clock)
{
    /// <summary>How many are remembered, of about a hundred bytes each.</summary>
    private const int KeysMax = 10_000;

    private const double MinuteMs = 60_000;

    private readonly ConcurrentDictionary<LoginKey, Account> _accounts = new();

    public bool AreTooMany(LoginKey key) => _accounts.TryGetValue(key, out var account) && SpentNow(account) > perMinute - 1;

    public void Add(LoginKey key)
    {
        if (_accounts.Count >= KeysMax) ForgetSome();
        var nowMs = clock.Now;
        _accounts.AddOrUpdate(key, _ => new Account(1, nowMs), (_, account) => new Account(SpentNow(account) + 1, nowMs));
    }

    private double SpentNow(Account account) => Math.Max(0, account.Spent - ((clock.Now - account.AtMs) * perMinute / MinuteMs));

    /// <summary>First those who have everything back. If an attacker with many addresses has filled the table, all: that costs them
    /// as many failed logins as it gives them.</summary>
    private void ForgetSome()
    {
        foreach (var (key, account) in _accounts)
        {
            if (SpentNow(account) == 0) _accounts.TryRemove(key, out _);
        }
        if (_accounts.Count >= KeysMax) _accounts.Clear();
    }

    private readonly record struct Account(double Spent, long AtMs);
}

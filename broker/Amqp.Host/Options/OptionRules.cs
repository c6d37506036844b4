using System.ComponentModel.DataAnnotations;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Amqp.Broker.Security;
using Amqp.Core;
using Amqp.Core.Messages;
using Amqp.Storage.Lite;
using Amqp.Storage.Segments;

namespace Amqp.Host.Options;

/// <summary>A rule that the framework has no attribute for. Its message is what the option has to be.</summary>
internal abstract class OptionRuleAttribute(string allowed) : ValidationAttribute
{
    public override string FormatErrorMessage(string name) => allowed;

    public override bool IsValid(object? value) => value is string text && Allows(text);

    protected abstract bool Allows(string value);
}

/// <summary>Where an HTTP server is, or nothing.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class HttpAddressAttribute() : OptionRuleAttribute("an address such as http://127.0.0.1:4317, or empty")
{
    protected override bool Allows(string value) =>
        value.Length == 0 || (Uri.TryCreate(value, UriKind.Absolute, out var address) && (address.Scheme == Uri.UriSchemeHttp || address.Scheme == Uri.UriSchemeHttps));
}

/// <summary>Something must be there.</summary>
/// <param name="what">What.</param>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class NotEmptyAttribute(string what) : OptionRuleAttribute(what)
{
    protected override bool Allows(string value) => value.Length > 0;
}

/// <summary>The name of a user or virtual host.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class NameAttribute() : OptionRuleAttribute($"a name of at most {Limits.NameBytes} bytes")
{
    protected override bool Allows(string value) => value.Length > 0 && Encoding.UTF8.GetByteCount(value) <= Limits.NameBytes;
}

/// <summary>The name of a node.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class NodeNameAttribute() : OptionRuleAttribute("a name and a host, such as rabbit@myhost")
{
    protected override bool Allows(string value) => value.IndexOf('@', StringComparison.Ordinal) is > 0 and var at && at < value.Length - 1;
}

/// <summary>What a listener can be bound to.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class ListenAddressAttribute() : OptionRuleAttribute("localhost or an IP address, such as 0.0.0.0, or several with commas between them")
{
    protected override bool Allows(string value) => value.Split(',').All(IsAddress);

    /// <summary>To the runtime <c>127.1</c> is an address too, and it passes over the port in <c>[::1]:5672</c>.</summary>
    private static bool IsAddress(string value) => value.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(value, out var address)
            && (address.AddressFamily == AddressFamily.InterNetwork ? address.ToString() == value : !value.StartsWith('[')));
}

/// <summary>A storage engine.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class EngineNameAttribute() : OptionRuleAttribute($"{EngineChoice.Auto}, {string.Join(" or ", StoreEngines.Names)}")
{
    protected override bool Allows(string value) => value == EngineChoice.Auto || StoreEngines.Names.Contains(value);
}

/// <summary>Levels of delay.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class DelayLevelsAttribute()
    : OptionRuleAttribute("one or more times with spaces between them, each a whole number and s, m, h or d, such as 10s 1m 1h, and ten years at most")
{
    protected override bool Allows(string value) => DelayLevels.Parse(value) is not null;
}

/// <summary>SASL mechanisms that the broker knows.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class MechanismsAttribute()
    : OptionRuleAttribute($"one or more of {string.Join(", ", LoginRules.Known)}, with commas between them")
{
    protected override bool Allows(string value) =>
        SecurityOptions.Words(value) is { Count: > 0 } mechanisms && mechanisms.IsSubsetOf(LoginRules.Known);
}

using System.Globalization;
using System.Reflection;

namespace Amqp.Host.Options;

/// <summary>What is not shown to anyone.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class SecretAttribute : Attribute;

/// <summary>The options of a node and their values, for operators who ask what holds.</summary>
internal static class OptionsListing
{
    private const string Hidden = "***";

    /// <summary>By their full names; those of lists with a number, as on the command line.</summary>
    public static SortedDictionary<string, string> Of(BrokerOptions options)
    {
        var listed = new SortedDictionary<string, string>(StringComparer.Ordinal);
        Add(listed, options, path: "");
        return listed;
    }

    private static void Add(SortedDictionary<string, string> listed, object options, string path)
    {
        foreach (var property in OptionsReader.OptionsOf(options.GetType()))
        {
            var (name, value) = (path + property.Name, property.GetValue(options));
            if (value is Array items)
            {
                for (var index = 0; index < items.Length; index++) AddValue(listed, property, $"{name}:{index}", items.GetValue(index));
            }
            else AddValue(listed, property, name, value);
        }
    }

    private static void AddValue(SortedDictionary<string, string> listed, PropertyInfo property, string name, object? value)
    {
        if (value is not null && OptionsReader.HoldsOptions(value.GetType())) Add(listed, value, $"{name}:");
        else listed[name] = value is string { Length: > 0 } && property.IsDefined(typeof(SecretAttribute)) ? Hidden : Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
    }
}

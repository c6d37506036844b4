using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using Amqp.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.CommandLine;
using Microsoft.Extensions.Configuration.Json;

namespace Amqp.Host.Options;

/// <summary>The configuration cannot be used; the message says which option, why, and what is allowed.</summary>
public sealed class OptionsException(string message) : Exception(message);

/// <summary>
/// Turns the configuration into <see cref="BrokerOptions"/>, or says what is wrong with it: a typing error in an option's
/// name must not leave its default in force unnoticed. What a value may be stands beside the option, as an attribute; the framework's
/// binder would refuse unknown names too, but says neither their path nor which are known.
/// </summary>
public static class OptionsReader
{
    /// <summary>Sections that belong to the framework.</summary>
    private static readonly string[] ForeignSections = ["Logging"];

    /// <exception cref="OptionsException">An option is unknown or its value impossible.</exception>
    public static BrokerOptions Read(IConfigurationRoot configuration)
    {
        RefuseUnknownSections(configuration);
        foreach (var property in OptionsOf(typeof(BrokerOptions)))
            RefuseUnknownOptions(configuration.GetSection(property.Name), property.PropertyType);
        BrokerOptions options;
        try
        {
            options = configuration.Get<BrokerOptions>() ?? new BrokerOptions();
        }
        catch (InvalidOperationException exception)
        {
            throw new OptionsException($"{exception.Message} {exception.InnerException?.Message}".TrimEnd());
        }
        Validate(options, path: "");
        return options;
    }

    /// <summary>Whether an option can have a value, whatever the others are.</summary>
    /// <returns>What is wrong with it; null: nothing.</returns>
    public static string? ProblemWith(string option, string value)
    {
        try
        {
            Read(new ConfigurationBuilder().AddInMemoryCollection([KeyValuePair.Create<string, string?>(option, value)]).Build());
            return null;
        }
        catch (OptionsException exception)
        {
            return exception.Message;
        }
    }

    /// <summary>At the top only files and the command line are judged: the environment holds much that is not ours.</summary>
    private static void RefuseUnknownSections(IConfigurationRoot configuration)
    {
        var known = OptionsOf(typeof(BrokerOptions)).Select(property => property.Name).Concat(ForeignSections).ToArray();
        foreach (var provider in configuration.Providers)
        {
            if (provider is not (JsonConfigurationProvider or CommandLineConfigurationProvider)) continue;
            foreach (var key in provider.GetChildKeys([], parentPath: null))
                if (!known.Contains(key, StringComparer.OrdinalIgnoreCase)) throw Unknown(key, known);
        }
    }

    private static void RefuseUnknownOptions(IConfigurationSection section, Type type)
    {
        var known = OptionsOf(type);
        foreach (var child in section.GetChildren())
        {
            var property = Array.Find(known, property => property.Name.Equals(child.Key, StringComparison.OrdinalIgnoreCase))
                ?? throw Unknown(child.Path, Array.ConvertAll(known, property => $"{section.Path}:{property.Name}"));
            if (property.PropertyType.GetElementType() is { } element)
            {
                foreach (var item in child.GetChildren()) RefuseUnknownOptions(item, element);
            }
            else if (property.PropertyType.IsEnum) RequireWord(child, Enum.GetNames(property.PropertyType));
            else if (HoldsOptions(property.PropertyType)) RefuseUnknownOptions(child, property.PropertyType);
        }
    }

    /// <summary>The framework would take numbers too, and several words with commas.</summary>
    private static void RequireWord(IConfigurationSection option, string[] words)
    {
        if (!words.Contains(option.Value, StringComparer.OrdinalIgnoreCase)) throw Impossible(option.Path, option.Value, string.Join(" or ", words));
    }

    /// <summary>What the options' own attributes and rules say, as a sentence about the option.</summary>
    private static void Validate(object options, string path)
    {
        foreach (var property in OptionsOf(options.GetType()))
        {
            var (option, value) = (path + property.Name, property.GetValue(options));
            foreach (var rule in property.GetCustomAttributes<ValidationAttribute>())
            {
                if (rule.IsValid(value)) continue;
                throw Impossible(option, value, rule is RangeAttribute range ? $"a number from {range.Minimum} to {range.Maximum}" : rule.FormatErrorMessage(option));
            }
            if (value is object[] items) Array.ForEach(items, item => Validate(item, $"{option}:"));
            else if (value is not null && HoldsOptions(property.PropertyType)) Validate(value, $"{option}:");
        }
        if (options is not IValidatableObject whole || whole.Validate(new ValidationContext(options)).FirstOrDefault() is not { } result) return;
        var name = result.MemberNames.First();
        throw Impossible(path + name, options.GetType().GetProperty(name)!.GetValue(options), result.ErrorMessage!);
    }

    internal static bool HoldsOptions(Type type) => type.Namespace == typeof(BrokerOptions).Namespace && !type.IsEnum || type == typeof(Limits);

    internal static PropertyInfo[] OptionsOf(Type type) =>
        [.. type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.CanWrite)];

    private static OptionsException Impossible(string option, object? value, string allowed) =>
        new(string.Create(CultureInfo.InvariantCulture, $"Option '{option}' is '{value}', which is not possible: it has to be {allowed}."));

    private static OptionsException Unknown(string option, string[] known) =>
        new($"Option '{option}' is not known. Known here: {string.Join(", ", known)}.");
}

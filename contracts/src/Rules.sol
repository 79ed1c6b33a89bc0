// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Errors} from "./libraries/Errors.sol";
import {Events} from "./libraries/Events.sol";
import {IRules} from "./interfaces/Modules.sol";
import {Params} from "./Types.sol";

/// @title Rules: the numbers that governance steers, within bounds that nobody can move.
/// @notice Versions are kept for ever, because old batches are split by the rules of their time.
contract Rules is IRules {
    using SafeCast for uint256;

    uint256 private constant ONE = 10_000;
    /// @notice A new version takes force this long after it was set, so that nobody settles under rules he could not read.
    uint256 public constant NOTICE = 1 days;

    /// @notice The timelock: the only one who sets rules.
    address public immutable governance;

    Params[] private _versions;
    uint40[] public since;

    constructor(address governance_, Params memory first) {
        governance = governance_;
        _push(first, block.timestamp);
    }

    function set(Params calldata params) external {
        if (msg.sender != governance) revert Errors.NotAllowed();
        _push(params, block.timestamp + NOTICE);
    }

    /// @notice Version 1 is the first.
    function version(uint256 index) external view returns (Params memory) {
        if (index == 0 || index > _versions.length) revert Errors.UnknownRules();
        return _versions[index - 1];
    }

    function versions() external view returns (uint256) {
        return _versions.length;
    }

    function inForce() public view returns (uint16, uint16) {
        uint256 v = _versions.length;
        while (since[v - 1] > block.timestamp) --v;
        return (v.toUint16(), _versions[v - 1].penalty);
    }

    /// @notice What is in force now.
    function current() external view returns (Params memory) {
        (uint16 v,) = inForce();
        return _versions[v - 1];
    }

    /// @notice Reverts with the name of the first parameter that is out of its bounds.
    function check(Params memory p) public pure {
        // Shares: contributors get the most, the house the least.
        _within("contributors", p.contributors, 3_000, 8_000);
        _within("owner", p.owner, 0, 3_000);
        _within("base", p.base, 0, 2_000);
        _within("host", p.host, 0, 3_000);
        _within("stakers", p.stakers, 0, 1_500);
        _within("poster", p.poster, 0, 100);
        uint256 given = uint256(p.contributors) + p.owner + p.base + p.host + p.stakers + p.poster;
        _within("treasury", ONE + 1 - (given > ONE ? ONE + 1 : given), 1, 1_001);
        _within("staticShare", p.staticShare, 1_000, 9_000);
        _within("cap", p.cap, 50, ONE);
        _within("drawRate", p.drawRate, 50, ONE);
        _within("penalty", p.penalty, 1, 200);
        // Lying must not pay: the chance of a draw times what a convict cannot win back covers all that weights can move.
        uint256 gain = (uint256(p.contributors) + p.host) * (ONE - p.staticShare) / ONE;
        if (uint256(p.drawRate) * p.penalty * 9 / 10 < gain) revert Errors.OutOfBounds("deterrence");
        _within("window", p.window, 1 days, 14 days);
        _within("bond", p.bond, 1 ether, 1_000_000 ether);
        _within("modelFee", p.modelFee, 0, 10_000 ether);
        _within("datanetFee", p.datanetFee, 0, 10_000 ether);
        _within("proposalFee", p.proposalFee, 0, 100_000 ether);
        _within("auditorStake", p.auditorStake, 1 ether, 1_000_000 ether);
    }

    function _push(Params memory params, uint256 from) private {
        check(params);
        _versions.push(params);
        since.push(from.toUint40());
        emit Events.RulesSet(_versions.length, from, params);
    }

    function _within(bytes32 name, uint256 value, uint256 low, uint256 high) private pure {
        if (value < low || value > high) revert Errors.OutOfBounds(name);
    }
}
